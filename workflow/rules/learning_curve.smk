"""Learning curve: trainings on subsets of the patients outside the first fold, evaluated on that fold's patients."""

SUBSET = "results/{study}/learning_curve/{patients}-{repeat}"
POINT = "results/{study}/learning_curve/{start}{patients}-{repeat}"


rule draw_subset:
    input:
        cohort=development("results/{study}/cohort/{site}.parquet"),
        splits=development("results/{study}/splits/{site}.parquet"),
    output:
        cohort=f"{SUBSET}/cohort.parquet",
        splits=f"{SUBSET}/splits.parquet",
        record="results/{study}/records/draw_subset/{patients}-{repeat}.json",
    log:
        "results/{study}/logs/draw_subset/{patients}-{repeat}.log",
    benchmark:
        "results/{study}/benchmarks/draw_subset/{patients}-{repeat}.tsv"
    group:
        "subsets_{study}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        library=library_of("draw_subset"),
        seed=seed,
    message:
        "Drawing {wildcards.patients} patients for the learning curve"
    script:
        "../scripts/draw_subset.py"


jobs(rules.draw_subset, subsets)


rule finetune_subset:
    input:
        foundation=checkpoint_of,
        contract=contract_beside(checkpoint_of),
        cohort=f"{SUBSET}/cohort.parquet",
        signals=signals_of,
        splits=f"{SUBSET}/splits.parquet",
    output:
        model=directory(f"{POINT}/fold{{fold}}"),
        record="results/{study}/records/finetune_subset/{start}{patients}-{repeat}-fold{fold}.json",
    log:
        "results/{study}/logs/finetune_subset/{start}{patients}-{repeat}-fold{fold}.log",
    benchmark:
        "results/{study}/benchmarks/finetune_subset/{start}{patients}-{repeat}-fold{fold}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: training_threads
    resources:
        mem_mb=growing_with_input(3000),
        runtime=growing(720),
        gpu=training_gpus,
        nodes=training_nodes,
        torch_threads=training_threads,
    params:
        library=library_of("finetune_subset"),
        cohort=leaves("cohort", "event_from"),
        recipe=recipe_of,
        architecture=architecture_of,
        seed=seed,
        interrupted="results/{study}/interrupted",
    message:
        "Training on {wildcards.patients} patients of study {wildcards.study}, {wildcards.start}models"
    script:
        "../scripts/finetune_subset.py"


jobs(rules.finetune_subset, lambda study: [{"fold": 0, **point} for point in points(study)])


rule predict_held_out:
    input:
        cohort=development("results/{study}/cohort/{site}.parquet"),
        splits=development("results/{study}/splits/{site}.parquet"),
        subset=f"{SUBSET}/cohort.parquet",
        subset_splits=f"{SUBSET}/splits.parquet",
        signals=signals_of,
        model=f"{POINT}/fold0",
    output:
        predictions=f"{POINT}.parquet",
        record="results/{study}/records/predict_held_out/{start}{patients}-{repeat}.json",
    log:
        "results/{study}/logs/predict_held_out/{start}{patients}-{repeat}.log",
    benchmark:
        "results/{study}/benchmarks/predict_held_out/{start}{patients}-{repeat}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing_with_input(3000),
        runtime=growing(60),
        gpu=lambda wildcards: min(1, study_of(wildcards).training.gpus),
    params:
        library=library_of("predict_held_out"),
    message:
        "Predicting the held-out patients, {wildcards.start}models of {wildcards.patients} patients"
    script:
        "../scripts/predict_held_out.py"


jobs(rules.predict_held_out, points)


rule build_learning_curve:
    input:
        cohort=development("results/{study}/cohort/{site}.parquet"),
        splits=development("results/{study}/splits/{site}.parquet"),
        predictions=predicted_points_of,
    output:
        **figure("learning_curve", category="foundation"),
        curve="results/{study}/tables/learning_curve.csv",
        record="results/{study}/records/build_learning_curve/learning_curve.json",
    log:
        "results/{study}/logs/build_learning_curve/learning_curve.log",
    benchmark:
        "results/{study}/benchmarks/build_learning_curve/learning_curve.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing_with_input(2000),
        runtime=growing(30),
    params:
        library=library_of("build_learning_curve"),
        evaluation=leaves("evaluation", "level", "minimum_events"),
        points=lambda wildcards: points(study_of(wildcards)),
    message:
        "Building the learning curve of study {wildcards.study}"
    script:
        "../scripts/build_learning_curve.py"


jobs(rules.build_learning_curve, once(in_main, has_learning_curve))


rule compare_learning_curve_with_truth:
    input:
        cohort=development("results/{study}/cohort/{site}.parquet"),
        splits=development("results/{study}/splits/{site}.parquet"),
        truth_table=development("results/{study}/truth/{site}.parquet"),
        predictions=predicted_points_of,
    output:
        **figure("learning_curve_recovered", category="foundation"),
        recovered="results/{study}/tables/learning_curve_recovered.csv",
        needed="results/{study}/tables/patients_needed.csv",
        record="results/{study}/records/compare_learning_curve_with_truth/learning_curve.json",
    log:
        "results/{study}/logs/compare_learning_curve_with_truth/learning_curve.log",
    benchmark:
        "results/{study}/benchmarks/compare_learning_curve_with_truth/learning_curve.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing_with_input(2000),
        runtime=growing(30),
    params:
        library=library_of("compare_learning_curve_with_truth"),
        cohort=leaves("cohort", "event_from"),
        evaluation=leaves("evaluation", "level", "minimum_events"),
        curve=leaves("learning_curve", "target"),
        points=lambda wildcards: points(study_of(wildcards)),
        export=lambda wildcards: (
            study_of(wildcards)
            .sites[study_of(wildcards).development_site]
            .model_dump(mode="json", include=set(Export.model_fields))
        ),
        site=lambda wildcards: study_of(wildcards).development_site,
        seed=seed,
    message:
        "Comparing the learning curve of study {wildcards.study} with what was planted"
    script:
        "../scripts/compare_learning_curve_with_truth.py"


jobs(
    rules.compare_learning_curve_with_truth,
    once(in_main, has_learning_curve, lambda study: is_simulated(study, study.development_site)),
)
