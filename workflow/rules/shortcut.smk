"""Whether the network knows where or with what an ECG was recorded, and how much of its AUC rests on that."""


rule probe_origin:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        signals=signals_of,
        predictions="results/{study}/predictions/{site}.parquet",
        models=every_fold("results/{study}/models/fold{fold}"),
    output:
        probe="results/{study}/tables/origin_probe/{site}.csv",
        record="results/{study}/records/probe_origin/{site}.json",
    log:
        "results/{study}/logs/probe_origin/{site}.log",
    benchmark:
        "results/{study}/benchmarks/probe_origin/{site}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing_with_input(3000),
        runtime=growing(60),
        gpu=lambda wildcards: min(1, study_of(wildcards).training.gpus),
    params:
        library=library_of("probe_origin"),
        shortcut=leaves("shortcut", "column"),
        evaluation=leaves("evaluation", "level", "minimum_events"),
        seed=seed,
    message:
        "Probing the network's features for the origin of the ECGs of site {wildcards.site}"
    script:
        "../scripts/probe_origin.py"


jobs(rules.probe_origin, where(has_shortcut, each_site(has_findings, in_main)))


rule analyse_shortcut:
    input:
        cohorts=every_site("results/{study}/cohort/{site}.parquet", has_findings),
        predictions=every_site("results/{study}/predictions/{site}.parquet", has_findings),
        probes=every_site("results/{study}/tables/origin_probe/{site}.csv", has_findings),
    output:
        **figure("shortcut", category="shortcut"),
        shortcut="results/{study}/tables/shortcut.csv",
        record="results/{study}/records/analyse_shortcut/shortcut.json",
    log:
        "results/{study}/logs/analyse_shortcut/shortcut.log",
    benchmark:
        "results/{study}/benchmarks/analyse_shortcut/shortcut.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("analyse_shortcut"),
        shortcut=leaves("shortcut", "column"),
        evaluation=leaves("evaluation", "level", "minimum_events"),
        titles=lambda wildcards: {
            name: site.title or name
            for name, site in study_of(wildcards).sites.items()
            if has_findings(study_of(wildcards), name)
        },
        development=lambda wildcards: study_of(wildcards).development_site,
    message:
        "Comparing the AUC over all ECGs of study {wildcards.study} with that within origins"
    script:
        "../scripts/analyse_shortcut.py"


jobs(rules.analyse_shortcut, once(in_main, has_shortcut))
