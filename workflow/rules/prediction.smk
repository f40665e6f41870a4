"""Predictions: out of fold at the development site, by the ensemble of folds elsewhere; and the ensemble to be served."""


rule predict:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        signals=signals_of,
        models=every_fold("results/{study}/{start}models/fold{fold}"),
        splits=splits_if_development,
    output:
        predictions="results/{study}/{start}predictions/{site}.parquet",
        record="results/{study}/records/predict/{start}{site}.json",
    log:
        "results/{study}/logs/predict/{start}{site}.log",
    benchmark:
        "results/{study}/benchmarks/predict/{start}{site}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing_with_input(3000),
        runtime=growing(60),
        gpu=lambda wildcards: min(1, study_of(wildcards).training.gpus),
    params:
        library=library_of("predict"),
    message:
        "Predicting the ECGs of site {wildcards.site}, {wildcards.start}models"
    script:
        "../scripts/predict.py"


jobs(
    rules.predict,
    lambda study: [
        {"start": start, **job}
        for start in starts(study)
        for job in each_site(is_development if start else is_analysed)(study)
    ]
    + [
        {"start": start, **job}
        for start in resampled_starts(study)
        for job in each_site(is_analysed, has_findings)(study)
    ],
)


rule package_ensemble:
    input:
        models=every_fold("results/{study}/models/fold{fold}"),
    output:
        ensemble=directory("results/{study}/ensemble"),
        record="results/{study}/records/package_ensemble/ensemble.json",
    log:
        "results/{study}/logs/package_ensemble/ensemble.log",
    benchmark:
        "results/{study}/benchmarks/package_ensemble/ensemble.tsv"
    group:
        "report_{study}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        library=library_of("package_ensemble"),
        quality=lambda wildcards: study_of(wildcards).quality.model_dump(mode="json"),
    message:
        "Packaging the models of study {wildcards.study} to be served"
    script:
        "../scripts/package_ensemble.py"


jobs(rules.package_ensemble, once(in_main))
