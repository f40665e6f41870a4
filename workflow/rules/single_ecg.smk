"""Single ECGs explained, each on a page of its own."""


rule explain_ecgs:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        signals=signals_of,
        export=export_tables,
        predictions="results/{study}/predictions/{site}.parquet",
        risk="results/{study}/risk/{site}.parquet",
        thresholds="results/{study}/thresholds.json",
        models=every_fold("results/{study}/models/fold{fold}"),
    output:
        pages=directory("results/{study}/ecgs/{site}"),
        record="results/{study}/records/explain_ecgs/{site}.json",
    log:
        "results/{study}/logs/explain_ecgs/{site}.log",
    benchmark:
        "results/{study}/benchmarks/explain_ecgs/{site}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(120),
    params:
        library=library_of("explain_ecgs"),
        export=export_of,
        title=title_of,
        folder=export_folder,
        evaluation=leaves("evaluation", "high_risk_thresholds"),
        explanation=leaves("explanation", "explained_ecgs", "explained_per_outcome", "batch_size"),
        seed=seed,
    message:
        "Explaining single ECGs of site {wildcards.site}"
    script:
        "../scripts/explain_ecgs.py"


jobs(rules.explain_ecgs, each_site(has_findings, in_main))
