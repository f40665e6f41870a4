"""What the ECG adds to the guidelines' pre-test probability and to a clinical model, and the foundation to random weights."""


rule compare_with_guidelines:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
        risk="results/{study}/risk/{site}.patients.parquet",
        development_cohort=development("results/{study}/cohort/{site}.parquet"),
        development_predictions=development("results/{study}/predictions/{site}.parquet"),
        development_risk=development("results/{study}/risk/{site}.patients.parquet"),
        splits=development("results/{study}/splits/{site}.parquet"),
    output:
        **figure("reclassification"),
        **figure("added_value_roc"),
        guideline_patients="results/{study}/tables/guideline_patients/{site}.csv",
        added_value="results/{study}/tables/added_value/{site}.csv",
        reclassification="results/{study}/tables/reclassification/{site}.csv",
        added_value_roc="results/{study}/tables/added_value_roc/{site}.csv",
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
        library=library_of("compare_with_guidelines"),
        evaluation=leaves("evaluation", *ESTIMATES),
        seed=seed,
        is_development=lambda wildcards: is_development(study_of(wildcards), wildcards.site),
    message:
        "Comparing the ECG with the guidelines at site {wildcards.site}"
    script:
        "../scripts/compare_with_guidelines.py"


jobs(rules.compare_with_guidelines, each_site(has_findings, in_main))


rule compare_initialisations:
    input:
        cohort=development("results/{study}/cohort/{site}.parquet"),
        predictions=development("results/{study}/predictions/{site}.parquet"),
        random=development("results/{study}/random_predictions/{site}.parquet"),
    output:
        **figure("initialisations", category="foundation"),
        initialisations="results/{study}/tables/initialisations.csv",
        metrics="results/{study}/metrics/compare_initialisations.json",
        record="results/{study}/records/compare_initialisations/initialisations.json",
    log:
        "results/{study}/logs/compare_initialisations/initialisations.log",
    benchmark:
        "results/{study}/benchmarks/compare_initialisations/initialisations.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing_with_input(2000),
        runtime=growing(60),
    params:
        library=library_of("compare_initialisations"),
        evaluation=leaves("evaluation", "level", "minimum_events"),
    message:
        "Comparing the foundation with random weights in study {wildcards.study}"
    script:
        "../scripts/compare_initialisations.py"


jobs(rules.compare_initialisations, once(in_main, has_random_start))


rule build_ladder:
    input:
        cohort=development("results/{study}/cohort/{site}.parquet"),
        predictions=development("results/{study}/predictions/{site}.parquet"),
        measurements=all_measurements_of,
        models=every_fold("results/{study}/models/fold{fold}"),
        probe=development("results/{study}/probe_predictions/{site}.parquet"),
    output:
        **figure("ladder", category="foundation"),
        ladder="results/{study}/tables/ladder.csv",
        training="results/{study}/tables/training.csv",
        record="results/{study}/records/build_ladder/ladder.json",
    log:
        "results/{study}/logs/build_ladder/ladder.log",
    benchmark:
        "results/{study}/benchmarks/build_ladder/ladder.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing_with_input(2000),
        runtime=growing(60),
    params:
        library=library_of("build_ladder"),
        evaluation=leaves("evaluation", "level", "minimum_events"),
    message:
        "Comparing the fine-tuned network of study {wildcards.study} with simpler models"
    script:
        "../scripts/build_ladder.py"


jobs(rules.build_ladder, once(in_main, has_ladder))
