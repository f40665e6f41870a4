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
        library=library_of("split_patients"),
        folds=lambda wildcards: study_of(wildcards).training.folds,
        seed=seed,
    message:
        "Splitting the patients of site {wildcards.site} into folds"
    script:
        "../scripts/split_patients.py"


jobs(rules.split_patients, each_site(is_development))


rule finetune_intermediate:
    input:
        foundation=foundation_of,
        contract=contract_beside(foundation_of),
        cohort=intermediate("results/{study}/cohort/{site}.parquet"),
        labels=intermediate("results/{study}/cohort/{site}.labels.parquet"),
        flow=intermediate("results/{study}/cohort/{site}.flow.json"),
        signals=lambda wildcards: shards_at(wildcards, intermediate_site_of(wildcards), "npy"),
        # None of the patients of these sites may train the intermediate task.
        analysed=every_site("results/{study}/cohort/{site}.parquet", is_analysed),
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
    threads: intermediate_threads
    resources:
        mem_mb=growing_with_input(3000),
        runtime=growing(720),
        gpu=lambda wildcards: study_of(wildcards).intermediate.training.gpus,
        torch_threads=intermediate_threads,
    params:
        library=library_of("finetune_intermediate"),
        recipe=intermediate_recipe_of,
        labels=lambda wildcards: study_of(wildcards).intermediate.labels,
        architecture=architecture_of,
        seed=seed,
        interrupted="results/{study}/interrupted",
    message:
        "Fine-tuning on the intermediate task of study {wildcards.study}"
    script:
        "../scripts/finetune_intermediate.py"


jobs(rules.finetune_intermediate, once(has_intermediate))


rule finetune:
    input:
        foundation=checkpoint_of,
        contract=contract_beside(checkpoint_of),
        cohort=development("results/{study}/cohort/{site}.parquet"),
        signals=signals_of,
        splits=development("results/{study}/splits/{site}.parquet"),
    output:
        model=directory("results/{study}/{start}models/fold{fold}"),
        record="results/{study}/records/finetune/{start}fold{fold}.json",
    log:
        "results/{study}/logs/finetune/{start}fold{fold}.log",
    benchmark:
        "results/{study}/benchmarks/finetune/{start}fold{fold}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: training_threads
    resources:
        mem_mb=growing_with_input(3000),
        runtime=growing(720),
        gpu=training_gpus,
        nodes=training_nodes,
        # Not `threads`, which Snakemake lowers to the cores at hand: another number of threads sums in another order.
        torch_threads=training_threads,
    params:
        library=library_of("finetune"),
        recipe=recipe_of,
        cohort=leaves("cohort", "event_from"),
        architecture=architecture_of,
        seed=seed,
        redevelopment=redevelopment_of,
        interrupted="results/{study}/interrupted",
    message:
        "Training fold {wildcards.fold} of study {wildcards.study}, {wildcards.start}models"
    script:
        "../scripts/finetune.py"


jobs(
    rules.finetune,
    lambda study: [
        job for start in [*starts(study), *resampled_starts(study)] for job in each_fold(start=start)(study)
    ],
)
