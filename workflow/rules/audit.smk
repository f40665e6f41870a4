"""The leakage audit: it stops the study where a training patient was evaluated."""


rule audit_leakage:
    input:
        cohorts=every_site("results/{study}/cohort/{site}.parquet"),
        signals=every_signal,
        splits=development("results/{study}/splits/{site}.parquet"),
        models=every_fold("results/{study}/models/fold{fold}"),
        predictions=every_site("results/{study}/predictions/{site}.parquet", is_analysed),
        thresholds="results/{study}/thresholds.json",
        foundation=contract_beside(foundation_of),
        recalibrated=every_site("results/{study}/recalibration/{site}.parquet", *RECALIBRATED),
        recalibration=every_site("results/{study}/tables/recalibration/{site}.csv", *RECALIBRATED),
        intermediate=intermediate_trace_of,
        compared=compared_traces_of,
    output:
        leakage="results/{study}/tables/leakage.csv",
        record="results/{study}/records/audit_leakage/leakage.json",
    log:
        "results/{study}/logs/audit_leakage/leakage.log",
    benchmark:
        "results/{study}/benchmarks/audit_leakage/leakage.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing_with_input(4000),
        runtime=growing(60),
    params:
        library=library_of("audit_leakage"),
        sites=audited_sites,
        labels=lambda wildcards: getattr(study_of(wildcards).intermediate, "labels", []),
        folds=lambda wildcards: study_of(wildcards).training.folds,
        starts=lambda wildcards: starts(study_of(wildcards)),
        evaluation=leaves(
            "evaluation",
            "minimum_events",
            "high_risk_thresholds",
            "rule_out_sensitivity",
            "rule_in_specificity",
            "screening_specificity",
        ),
        seed=seed,
    message:
        "Auditing study {wildcards.study} for leakage"
    script:
        "../scripts/audit_leakage.py"


jobs(rules.audit_leakage, once())
