"""Splits, the foundation network, fine-tuning."""


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


rule pretrain_foundation:
    output:
        checkpoint="results/foundation/{foundation}/checkpoint.pth",
        contract="results/foundation/{foundation}/contract.json",
        record="results/foundation/{foundation}/record.json",
    log:
        "results/foundation/{foundation}/pretrain_foundation.log",
    benchmark:
        "results/foundation/{foundation}/pretrain_foundation.tsv"
    # It needs nothing and takes all cores of a laptop: first, so that no core waits for another to be free.
    priority: 10
    conda:
        "../../envs/study.yaml"
    threads: STUDY.foundation.threads
    resources:
        mem_mb=3000,
        runtime=120,
        gpu=0,
    params:
        foundation=lambda wildcards: STUDY.foundation.model_dump(mode="json"),
        seed=STUDY.foundation.seed,
    message:
        "Pre-training the foundation network {wildcards.foundation}"
    script:
        "../scripts/pretrain_foundation.py"


rule finetune:
    input:
        foundation=foundation_of,
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
