"""The leakage audit: it stops the study where anybody was scored who had taught it."""


rule audit_leakage:
    input:
        cohorts=every_site("results/{study}/cohort/{site}.parquet"),
        signals=every_signal,
        splits=development("results/{study}/splits/{site}.parquet"),
        models=models_of,
        predictions=analysed_predictions_of,
        thresholds="results/{study}/thresholds.json",
        intermediate=intermediate_trace_of,
        random_start=random_start_trace_of,
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
        study=lambda wildcards: study_of(wildcards).model_dump(mode="json"),
        seed=seed,
    message:
        "Auditing study {wildcards.study} for leakage"
    script:
        "../scripts/audit_leakage.py"
