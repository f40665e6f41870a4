"""What the ECG adds to the guidelines' pre-test probability and to a clinical model."""


rule compare_with_guidelines:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
        risk="results/{study}/risk/{site}.parquet",
        development_cohort=development("results/{study}/cohort/{site}.parquet"),
        development_predictions=development("results/{study}/predictions/{site}.parquet"),
        development_risk=development("results/{study}/risk/{site}.parquet"),
        splits=development("results/{study}/splits/{site}.parquet"),
    output:
        guideline_patients="results/{study}/tables/guideline_patients_{site}.csv",
        added_value="results/{study}/tables/added_value_{site}.csv",
        reclassification="results/{study}/tables/reclassification_{site}.csv",
        added_value_roc="results/{study}/tables/added_value_roc_{site}.csv",
        reclassification_figure_svg=report(
            "results/{study}/figures/reclassification_{site}.svg",
            caption="../report/reclassification.rst",
            category="{site}",
            subcategory="figures",
        ),
        reclassification_figure_png="results/{study}/figures/reclassification_{site}.png",
        roc_figure_svg=report(
            "results/{study}/figures/added_value_roc_{site}.svg",
            caption="../report/added_value_roc.rst",
            category="{site}",
            subcategory="figures",
        ),
        roc_figure_png="results/{study}/figures/added_value_roc_{site}.png",
        record="results/{study}/records/compare_with_guidelines/{site}.json",
    log:
        "results/{study}/logs/compare_with_guidelines/{site}.log",
    benchmark:
        "results/{study}/benchmarks/compare_with_guidelines/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        evaluation=settings("evaluation"),
        seed=seed,
        is_development=lambda wildcards: wildcards.site == study_of(wildcards).development_site,
    message:
        "Comparing the ECG with the guidelines at site {wildcards.site}"
    script:
        "../scripts/compare_with_guidelines.py"
