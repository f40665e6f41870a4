"""How certain the model is: prediction sets that may say nothing, and predictions of models developed again."""


rule build_prediction_sets:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
        development_cohort=development("results/{study}/cohort/{site}.parquet"),
        development_predictions=development("results/{study}/predictions/{site}.parquet"),
    output:
        **figure("prediction_sets"),
        sets="results/{study}/tables/prediction_sets/{site}.csv",
        cutoffs="results/{study}/tables/prediction_set_cutoffs/{site}.csv",
        record="results/{study}/records/build_prediction_sets/{site}.json",
    log:
        "results/{study}/logs/build_prediction_sets/{site}.log",
    benchmark:
        "results/{study}/benchmarks/build_prediction_sets/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("build_prediction_sets"),
        evaluation=leaves("evaluation", *ESTIMATES),
        abstention=leaves("abstention", "level"),
        seed=seed,
    message:
        "Building prediction sets for site {wildcards.site}"
    script:
        "../scripts/build_prediction_sets.py"


jobs(rules.build_prediction_sets, where(has_abstention, each_site(has_findings, in_main)))
