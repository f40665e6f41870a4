"""Splits and fine-tuning."""


rule split_patients:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
    output:
        splits="results/{study}/splits/{site}.parquet",
        record="results/{study}/records/split_patients/{site}.json",
    log:
        "results/{study}/logs/split_patients/{site}.log",
    benchmark:
        "results/{study}/benchmarks/split_patients/{site}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=15,
    params:
        folds=lambda wildcards: study_of(wildcards).training.folds,
        seed=seed,
    message:
        "Splitting the patients of site {wildcards.site} into folds"
    script:
        "../scripts/split_patients.py"


rule finetune:
    input:
        foundation=foundation_of,
        contract=contract_of,
        cohort=development("results/{study}/cohort/{site}.parquet"),
        signals=signals_of,
        splits=development("results/{study}/splits/{site}.parquet"),
    output:
        model=directory("results/{study}/models/fold{fold}"),
        record="results/{study}/records/finetune/fold{fold}.json",
    log:
        "results/{study}/logs/finetune/fold{fold}.log",
    benchmark:
        "results/{study}/benchmarks/finetune/fold{fold}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: STUDY.training.threads
    resources:
        mem_mb=3000,
        runtime=720,
        gpu=1,
    params:
        training=settings("training"),
        architecture=lambda wildcards: study_of(wildcards).foundation.architecture.model_dump(mode="json"),
        seed=seed,
    message:
        "Fine-tuning fold {wildcards.fold} of study {wildcards.study}"
    script:
        "../scripts/finetune.py"
