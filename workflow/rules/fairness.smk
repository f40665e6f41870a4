"""Calibration and accuracy by sex, age group and centre."""


rule analyse_fairness:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
        thresholds="results/{study}/thresholds.json",
    output:
        **figure_of_each_vessel("fairness"),
        fairness="results/{study}/tables/fairness/{site}.csv",
        differences="results/{study}/tables/fairness_differences/{site}.csv",
        record="results/{study}/records/analyse_fairness/{site}.json",
    log:
        "results/{study}/logs/analyse_fairness/{site}.log",
    benchmark:
        "results/{study}/benchmarks/analyse_fairness/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("analyse_fairness"),
        evaluation=leaves("evaluation", "level", "minimum_events"),
        fairness=leaves("fairness", "age_cuts"),
    message:
        "Comparing groups of patients of site {wildcards.site}"
    script:
        "../scripts/analyse_fairness.py"


jobs(rules.analyse_fairness, where(has_fairness, each_site(has_findings, in_main)))
