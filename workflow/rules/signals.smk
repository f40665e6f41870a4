"""From recordings to cleaned signals."""


rule clean_signals:
    input:
        eligible="results/{study}/cohort/{site}.eligible.parquet",
        export=export_tables,
    output:
        signals="results/{study}/signals/{site}/{shard}.npy",
        table="results/{study}/signals/{site}/{shard}.parquet",
        record="results/{study}/records/clean_signals/{site}-{shard}.json",
    log:
        "results/{study}/logs/clean_signals/{site}-{shard}.log",
    benchmark:
        "results/{study}/benchmarks/clean_signals/{site}-{shard}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(60),
    params:
        library=library_of("clean_signals"),
        export=export_of,
        folder=export_folder,
        quality=quality_of,
        shards=lambda wildcards: site_of(wildcards).shards,
        seed=seed,
    message:
        "Cleaning the signals of site {wildcards.site}, shard {wildcards.shard}"
    script:
        "../scripts/clean_signals.py"


jobs(rules.clean_signals, each_shard())


rule measure_ecgs:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        export=export_tables,
    output:
        measurements="results/{study}/measurements/{site}/{shard}.parquet",
        record="results/{study}/records/measure_ecgs/{site}-{shard}.json",
    log:
        "results/{study}/logs/measure_ecgs/{site}-{shard}.log",
    benchmark:
        "results/{study}/benchmarks/measure_ecgs/{site}-{shard}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(60),
    params:
        library=library_of("measure_ecgs"),
        export=export_of,
        folder=export_folder,
        seed=seed,
    message:
        "Measuring the ECGs of site {wildcards.site}, shard {wildcards.shard}"
    script:
        "../scripts/measure_ecgs.py"


jobs(rules.measure_ecgs, each_shard(has_findings, is_measured))
