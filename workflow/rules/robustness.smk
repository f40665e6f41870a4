"""Recordings perturbed as they are in practice: what it costs, whether it is refused, and what is still recovered."""


rule perturb_ecgs:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
        models=every_fold("results/{study}/models/fold{fold}"),
        export=export_tables,
    output:
        perturbed="results/{study}/robustness/{site}/{shard}.parquet",
        record="results/{study}/records/perturb_ecgs/{site}-{shard}.json",
    log:
        "results/{study}/logs/perturb_ecgs/{site}-{shard}.log",
    benchmark:
        "results/{study}/benchmarks/perturb_ecgs/{site}-{shard}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(240),
        gpu=lambda wildcards: min(1, study_of(wildcards).training.gpus),
    params:
        library=library_of("perturb_ecgs"),
        export=export_of,
        folder=export_folder,
        quality=quality_of,
        robustness=leaves("robustness", "patients", "events"),
        shards=lambda wildcards: site_of(wildcards).shards,
        seed=seed,
    message:
        "Perturbing ECGs of site {wildcards.site}, part {wildcards.shard}, and predicting them again"
    script:
        "../scripts/perturb_ecgs.py"


jobs(rules.perturb_ecgs, where(has_robustness, each_shard(has_findings, in_main)))


rule analyse_robustness:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        perturbed=perturbed_of,
    output:
        **figure("robustness"),
        robustness="results/{study}/tables/robustness/{site}.csv",
        quality="results/{study}/tables/robustness_quality/{site}.csv",
        record="results/{study}/records/analyse_robustness/{site}.json",
    log:
        "results/{study}/logs/analyse_robustness/{site}.log",
    benchmark:
        "results/{study}/benchmarks/analyse_robustness/{site}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("analyse_robustness"),
        evaluation=leaves("evaluation", "level", "minimum_events"),
    message:
        "Comparing perturbed ECGs of site {wildcards.site} with the recorded ones"
    script:
        "../scripts/analyse_robustness.py"


jobs(rules.analyse_robustness, where(has_robustness, each_site(has_findings, in_main)))


rule compare_robustness_with_truth:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        perturbed=perturbed_of,
        truth_table="results/{study}/truth/{site}.parquet",
    output:
        recovery="results/{study}/tables/robustness_recovery/{site}.csv",
        record="results/{study}/records/compare_robustness_with_truth/{site}.json",
    log:
        "results/{study}/logs/compare_robustness_with_truth/{site}.log",
    benchmark:
        "results/{study}/benchmarks/compare_robustness_with_truth/{site}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("compare_robustness_with_truth"),
        cohort=leaves("cohort", "event_from"),
        export=export_of,
        evaluation=leaves("evaluation", *ESTIMATES),
        seed=seed,
    message:
        "Comparing what perturbed ECGs of site {wildcards.site} still give with what was planted"
    script:
        "../scripts/compare_robustness_with_truth.py"


jobs(rules.compare_robustness_with_truth, where(has_robustness, each_site(has_findings, is_simulated, in_main)))
