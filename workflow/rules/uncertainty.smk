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


rule redevelop_probe:
    input:
        foundation=studied_checkpoint_of,
        contract=contract_beside(studied_checkpoint_of),
        cohort=development("results/{study}/cohort/{site}.parquet"),
        signals=signals_of,
        splits=development("results/{study}/splits/{site}.parquet"),
    output:
        probes="results/{study}/redeveloped_probes/fold{fold}.npz",
        record="results/{study}/records/redevelop_probe/fold{fold}.json",
    log:
        "results/{study}/logs/redevelop_probe/fold{fold}.log",
    benchmark:
        "results/{study}/benchmarks/redevelop_probe/fold{fold}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing_with_input(3000),
        runtime=growing(720),
        gpu=lambda wildcards: min(1, study_of(wildcards).training.gpus),
    params:
        library=library_of("redevelop_probe"),
        cohort=leaves("cohort", "event_from"),
        recipe=recipe_of_probe,
        architecture=architecture_of,
        instability=leaves("instability", "redevelopments"),
        seed=seed,
    message:
        "Developing the linear probe of fold {wildcards.fold} of study {wildcards.study} again"
    script:
        "../scripts/redevelop_probe.py"


jobs(rules.redevelop_probe, where(in_main, where(has_instability, each_fold())))


rule measure_instability:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        signals=signals_of,
        predictions="results/{study}/predictions/{site}.parquet",
        thresholds="results/{study}/thresholds.json",
        foundation=studied_checkpoint_of,
        contract=contract_beside(studied_checkpoint_of),
        probes=every_fold("results/{study}/redeveloped_probes/fold{fold}.npz"),
        networks=redeveloped_predictions_of,
        # Were these networks trained on the patients drawn, and on no other?
        models=redeveloped_models_of,
        development_cohort=development("results/{study}/cohort/{site}.parquet"),
        splits=development("results/{study}/splits/{site}.parquet"),
    output:
        **figure("instability"),
        **figure("instability_calibration"),
        ecgs="results/{study}/instability/{site}.parquet",
        summary="results/{study}/tables/instability/{site}.csv",
        bands="results/{study}/tables/instability_bands/{site}.csv",
        calibration="results/{study}/tables/instability_calibration/{site}.csv",
        record="results/{study}/records/measure_instability/{site}.json",
    log:
        "results/{study}/logs/measure_instability/{site}.log",
    benchmark:
        "results/{study}/benchmarks/measure_instability/{site}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing_with_input(3000),
        runtime=growing(60),
        gpu=lambda wildcards: min(1, study_of(wildcards).training.gpus),
    params:
        library=library_of("measure_instability"),
        architecture=architecture_of,
        evaluation=leaves("evaluation", "level", "minimum_events"),
        folds=lambda wildcards: study_of(wildcards).training.folds,
        seed=seed,
    message:
        "Measuring the instability of predictions at site {wildcards.site}"
    script:
        "../scripts/measure_instability.py"


jobs(rules.measure_instability, where(has_instability, each_site(has_findings, in_main)))
