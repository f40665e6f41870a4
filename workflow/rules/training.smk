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
    group:
        "cohort_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(15),
    params:
        folds=lambda wildcards: study_of(wildcards).training.folds,
        seed=seed,
    message:
        "Splitting the patients of site {wildcards.site} into folds"
    script:
        "../scripts/split_patients.py"


rule finetune_intermediate:
    input:
        foundation=foundation_of,
        contract=contract_of,
        cohort=intermediate("results/{study}/cohort/{site}.parquet"),
        labels=intermediate("results/{study}/cohort/{site}.labels.parquet"),
        flow=intermediate("results/{study}/cohort/{site}.flow.json"),
        signals=intermediate_signals_of,
        analysed=analysed_cohorts_of,
    output:
        checkpoint="results/{study}/intermediate/checkpoint.pth",
        contract="results/{study}/intermediate/contract.json",
        flow="results/{study}/intermediate/flow.json",
        record="results/{study}/records/finetune_intermediate/intermediate.json",
    log:
        "results/{study}/logs/finetune_intermediate/intermediate.log",
    benchmark:
        "results/{study}/benchmarks/finetune_intermediate/intermediate.tsv"
    conda:
        "../../envs/study.yaml"
    threads: STUDY.intermediate.training.threads if STUDY.intermediate else 1
    resources:
        mem_mb=growing_with_input(3000),
        runtime=growing(720),
        gpu=lambda wildcards: study_of(wildcards).intermediate.training.gpus,
    params:
        intermediate=settings("intermediate"),
        architecture=lambda wildcards: study_of(wildcards).foundation.architecture.model_dump(mode="json"),
        seed=seed,
    message:
        "Fine-tuning on the intermediate task of study {wildcards.study}"
    script:
        "../scripts/finetune_intermediate.py"


rule finetune:
    input:
        foundation=start_of,
        contract=start_contract_of,
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
        mem_mb=growing_with_input(3000),
        runtime=growing(720),
        gpu=training_gpus,
        nodes=training_nodes,
    params:
        training=settings("training"),
        architecture=lambda wildcards: study_of(wildcards).foundation.architecture.model_dump(mode="json"),
        seed=seed,
    message:
        "Fine-tuning fold {wildcards.fold} of study {wildcards.study}"
    script:
        "../scripts/finetune.py"


rule finetune_random:
    input:
        cohort=development("results/{study}/cohort/{site}.parquet"),
        signals=signals_of,
        splits=development("results/{study}/splits/{site}.parquet"),
    output:
        model=directory("results/{study}/random_start/models/fold{fold}"),
        record="results/{study}/records/finetune_random/fold{fold}.json",
    log:
        "results/{study}/logs/finetune_random/fold{fold}.log",
    benchmark:
        "results/{study}/benchmarks/finetune_random/fold{fold}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: STUDY.training.threads
    resources:
        mem_mb=growing_with_input(3000),
        runtime=growing(720),
        gpu=training_gpus,
        nodes=training_nodes,
    params:
        training=random_start_training_of,
        architecture=lambda wildcards: study_of(wildcards).foundation.architecture.model_dump(mode="json"),
        seed=seed,
    message:
        "Training fold {wildcards.fold} of study {wildcards.study} from random weights"
    script:
        "../scripts/finetune_random.py"
