"""The decision that a patient faces: any vessel, one ECG per patient."""


rule analyse_any_vessel:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
        risk="results/{study}/risk/{site}.patients.parquet",
        thresholds="results/{study}/thresholds.json",
        development_cohort=development("results/{study}/cohort/{site}.parquet"),
        development_predictions=development("results/{study}/predictions/{site}.parquet"),
        development_risk=development("results/{study}/risk/{site}.patients.parquet"),
        splits=development("results/{study}/splits/{site}.parquet"),
    output:
        **figure("any_vessel"),
        any_vessel_thresholds="results/{study}/tables/any_vessel_thresholds/{site}.csv",
        any_vessel_strata="results/{study}/tables/any_vessel_strata/{site}.csv",
        any_vessel_calibration="results/{study}/tables/any_vessel_calibration/{site}.csv",
        any_vessel_decisions="results/{study}/tables/any_vessel_decisions/{site}.csv",
        record="results/{study}/records/analyse_any_vessel/{site}.json",
    log:
        "results/{study}/logs/analyse_any_vessel/{site}.log",
    benchmark:
        "results/{study}/benchmarks/analyse_any_vessel/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("analyse_any_vessel"),
        evaluation=leaves("evaluation", *ESTIMATES),
        seed=seed,
        is_development=lambda wildcards: is_development(study_of(wildcards), wildcards.site),
    message:
        "Judging any vessel, patient by patient, at site {wildcards.site}"
    script:
        "../scripts/analyse_any_vessel.py"


jobs(rules.analyse_any_vessel, each_site(has_findings, in_main))
