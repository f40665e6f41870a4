"""The main analysis under other choices, and each centre left out in turn."""


rule extract_features:
    input:
        foundation=studied_checkpoint_of,
        contract=contract_beside(studied_checkpoint_of),
        cohort=development("results/{study}/cohort/{site}.parquet"),
        signals=signals_of,
    output:
        features="results/{study}/features/{site}.parquet",
        record="results/{study}/records/extract_features/{site}.json",
    log:
        "results/{study}/logs/extract_features/{site}.log",
    benchmark:
        "results/{study}/benchmarks/extract_features/{site}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing_with_input(3000),
        runtime=growing(60),
        gpu=lambda wildcards: min(1, study_of(wildcards).training.gpus),
    params:
        library=library_of("extract_features"),
        architecture=architecture_of,
    message:
        "Extracting the foundation's features of the ECGs of site {wildcards.site}"
    script:
        "../scripts/extract_features.py"


jobs(rules.extract_features, where(has_sensitivity, each_site(is_development, in_main)))


rule predict_left_out_centres:
    input:
        features="results/{study}/features/{site}.parquet",
        cohort="results/{study}/cohort/{site}.parquet",
    output:
        predictions="results/{study}/centre_predictions/{site}.parquet",
        record="results/{study}/records/predict_left_out_centres/{site}.json",
    log:
        "results/{study}/logs/predict_left_out_centres/{site}.log",
    benchmark:
        "results/{study}/benchmarks/predict_left_out_centres/{site}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing_with_input(2000),
        runtime=growing(120),
    params:
        library=library_of("predict_left_out_centres"),
        cohort=leaves("cohort", "event_from"),
        recipe=leaves("training", "labels", "class_balance", "minimum_events"),
        architecture=architecture_of,
        seed=seed,
    message:
        "Predicting each centre of site {wildcards.site} from the others"
    script:
        "../scripts/predict_left_out_centres.py"


jobs(rules.predict_left_out_centres, where(has_sensitivity, each_site(is_development, in_main)))


rule analyse_sensitivity:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
        probe=probe_predictions_of,
        left_out=left_out_predictions_of,
    output:
        **figure("sensitivity"),
        sensitivity="results/{study}/tables/sensitivity/{site}.csv",
        centres="results/{study}/tables/sensitivity_centres/{site}.csv",
        record="results/{study}/records/analyse_sensitivity/{site}.json",
    log:
        "results/{study}/logs/analyse_sensitivity/{site}.log",
    benchmark:
        "results/{study}/benchmarks/analyse_sensitivity/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("analyse_sensitivity"),
        evaluation=leaves("evaluation", "level", "minimum_events"),
        sensitivity=leaves("sensitivity", "windows_days"),
    message:
        "Repeating the main analysis of site {wildcards.site} under other choices"
    script:
        "../scripts/analyse_sensitivity.py"


jobs(rules.analyse_sensitivity, where(has_sensitivity, each_site(has_findings, in_main)))
