"""Thresholds, chosen at the development site and frozen; what they are worth, and whom they call high-risk."""


rule choose_thresholds:
    input:
        cohort=development("results/{study}/cohort/{site}.parquet"),
        predictions=development("results/{study}/predictions/{site}.parquet"),
    output:
        thresholds="results/{study}/thresholds.json",
        record="results/{study}/records/choose_thresholds/thresholds.json",
    log:
        "results/{study}/logs/choose_thresholds/thresholds.log",
    benchmark:
        "results/{study}/benchmarks/choose_thresholds/thresholds.tsv"
    group:
        "risk_{study}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("choose_thresholds"),
        site=lambda wildcards: study_of(wildcards).development_site,
        evaluation=leaves(
            "evaluation",
            "minimum_events",
            "high_risk_thresholds",
            "rule_out_sensitivity",
            "rule_in_specificity",
            "screening_specificity",
        ),
    message:
        "Choosing the thresholds of study {wildcards.study} at its development site"
    script:
        "../scripts/choose_thresholds.py"


jobs(rules.choose_thresholds, once())


rule stratify_risk:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
        thresholds="results/{study}/thresholds.json",
    output:
        risk="results/{study}/risk/{site}.parquet",
        patients="results/{study}/risk/{site}.patients.parquet",
        record="results/{study}/records/stratify_risk/{site}.json",
    log:
        "results/{study}/logs/stratify_risk/{site}.log",
    benchmark:
        "results/{study}/benchmarks/stratify_risk/{site}.tsv"
    group:
        "risk_{study}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("stratify_risk"),
        evaluation=leaves("evaluation", "high_risk_thresholds"),
    message:
        "Assigning the risk groups of site {wildcards.site}"
    script:
        "../scripts/stratify_risk.py"


jobs(rules.stratify_risk, each_site(has_findings, in_main))


rule evaluate_thresholds:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
        thresholds="results/{study}/thresholds.json",
    output:
        **figure("strata"),
        thresholds="results/{study}/tables/thresholds/{site}.csv",
        strata="results/{study}/tables/strata/{site}.csv",
        record="results/{study}/records/evaluate_thresholds/{site}.json",
    log:
        "results/{study}/logs/evaluate_thresholds/{site}.log",
    benchmark:
        "results/{study}/benchmarks/evaluate_thresholds/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("evaluate_thresholds"),
        evaluation=leaves("evaluation", *ESTIMATES),
        seed=seed,
    message:
        "Evaluating the frozen thresholds at site {wildcards.site}"
    script:
        "../scripts/evaluate_thresholds.py"


jobs(rules.evaluate_thresholds, each_site(has_findings, in_main))


rule analyse_decisions:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
    output:
        **figure("decision_curves"),
        decision_curves="results/{study}/tables/decision_curves/{site}.csv",
        record="results/{study}/records/analyse_decisions/{site}.json",
    log:
        "results/{study}/logs/analyse_decisions/{site}.log",
    benchmark:
        "results/{study}/benchmarks/analyse_decisions/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("analyse_decisions"),
        evaluation=leaves("evaluation", *ESTIMATES),
        seed=seed,
    message:
        "Drawing the decision curves of site {wildcards.site}"
    script:
        "../scripts/analyse_decisions.py"


jobs(rules.analyse_decisions, each_site(has_findings, in_main))


rule plan_sample_size:
    input:
        cohort=development("results/{study}/cohort/{site}.parquet"),
        predictions=development("results/{study}/predictions/{site}.parquet"),
    output:
        sample_size="results/{study}/tables/sample_size.csv",
        record="results/{study}/records/plan_sample_size/sample_size.json",
    log:
        "results/{study}/logs/plan_sample_size/sample_size.log",
    benchmark:
        "results/{study}/benchmarks/plan_sample_size/sample_size.tsv"
    group:
        "report_{study}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("plan_sample_size"),
        evaluation=leaves("evaluation", "level", "minimum_events", "target_width"),
    message:
        "Planning the sample size from the development site of study {wildcards.study}"
    script:
        "../scripts/plan_sample_size.py"


jobs(rules.plan_sample_size, once(in_main))
