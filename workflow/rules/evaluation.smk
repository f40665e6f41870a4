"""Validation, recalibration, the clinically normal ECG, subgroups, risk groups, and what the foundation is worth."""


rule validate:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
    output:
        discrimination="results/{study}/tables/discrimination_{site}.csv",
        roc="results/{study}/tables/roc_{site}.csv",
        calibration="results/{study}/tables/calibration_{site}.csv",
        calibration_curve="results/{study}/tables/calibration_curve_{site}.csv",
        calibration_summary="results/{study}/tables/calibration_summary_{site}.csv",
        roc_figure_svg=report(
            "results/{study}/figures/roc_{site}.svg",
            caption="../report/roc.rst",
            category="{site}",
            subcategory="figures",
        ),
        roc_figure_png="results/{study}/figures/roc_{site}.png",
        calibration_figure_svg=report(
            "results/{study}/figures/calibration_{site}.svg",
            caption="../report/calibration.rst",
            category="{site}",
            subcategory="figures",
        ),
        calibration_figure_png="results/{study}/figures/calibration_{site}.png",
        metrics="results/{study}/metrics/validate_{site}.json",
        record="results/{study}/records/validate/{site}.json",
    log:
        "results/{study}/logs/validate/{site}.log",
    benchmark:
        "results/{study}/benchmarks/validate/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        evaluation=settings("evaluation"),
        seed=seed,
    message:
        "Validating the predictions of site {wildcards.site}"
    script:
        "../scripts/validate.py"


rule recalibrate:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
    output:
        parameters="results/{study}/tables/recalibration_{site}.csv",
        assignment="results/{study}/recalibration/{site}.parquet",
        summary="results/{study}/tables/recalibrated_summary_{site}.csv",
        curve="results/{study}/tables/recalibrated_curve_{site}.csv",
        figure_svg=report(
            "results/{study}/figures/recalibrated_{site}.svg",
            caption="../report/recalibrated.rst",
            category="{site}",
            subcategory="figures",
        ),
        figure_png="results/{study}/figures/recalibrated_{site}.png",
        record="results/{study}/records/recalibrate/{site}.json",
    log:
        "results/{study}/logs/recalibrate/{site}.log",
    benchmark:
        "results/{study}/benchmarks/recalibrate/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        evaluation=settings("evaluation"),
        seed=seed,
    message:
        "Recalibrating the predictions of site {wildcards.site}, cross-fitted"
    script:
        "../scripts/recalibrate.py"


# The table of the comparison would pass for that of a site called "comparison".
ruleorder: compare_sites > validate


rule compare_sites:
    input:
        cohort=development("results/{study}/cohort/{site}.parquet"),
        predictions=development("results/{study}/predictions/{site}.parquet"),
        external_cohorts=validated_external("results/{study}/cohort/{site}.parquet"),
        external_predictions=validated_external("results/{study}/predictions/{site}.parquet"),
    output:
        comparison="results/{study}/tables/discrimination_comparison.csv",
        record="results/{study}/records/compare_sites/external.json",
    log:
        "results/{study}/logs/compare_sites/external.log",
    benchmark:
        "results/{study}/benchmarks/compare_sites/external.tsv"
    group:
        "report_{study}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        evaluation=settings("evaluation"),
        seed=seed,
    message:
        "Comparing discrimination at external sites with the development site of study {wildcards.study}"
    script:
        "../scripts/compare_sites.py"


rule analyse_severity:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
    output:
        grades="results/{study}/tables/grades_{site}.csv",
        figure_svg=report(
            "results/{study}/figures/grades_{site}.svg",
            caption="../report/grades.rst",
            category="{site}",
            subcategory="figures",
        ),
        figure_png="results/{study}/figures/grades_{site}.png",
        record="results/{study}/records/analyse_severity/{site}.json",
    log:
        "results/{study}/logs/analyse_severity/{site}.log",
    benchmark:
        "results/{study}/benchmarks/analyse_severity/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        evaluation=settings("evaluation"),
        seed=seed,
    message:
        "Comparing predicted probability with the grade of stenosis at site {wildcards.site}"
    script:
        "../scripts/analyse_severity.py"


rule analyse_normal_ecg:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
        thresholds="results/{study}/thresholds.json",
        measurements=measurements_of,
    output:
        discrimination="results/{study}/tables/normal_ecg_{site}.csv",
        roc="results/{study}/tables/normal_ecg_roc_{site}.csv",
        calibration="results/{study}/tables/normal_ecg_calibration_{site}.csv",
        calibration_curve="results/{study}/tables/normal_ecg_calibration_curve_{site}.csv",
        calibration_summary="results/{study}/tables/normal_ecg_calibration_summary_{site}.csv",
        thresholds="results/{study}/tables/normal_ecg_thresholds_{site}.csv",
        strata="results/{study}/tables/normal_ecg_strata_{site}.csv",
        comparison="results/{study}/tables/normal_ecg_comparison_{site}.csv",
        roc_figure_svg=report(
            "results/{study}/figures/normal_ecg_roc_{site}.svg",
            caption="../report/normal_ecg_roc.rst",
            category="{site}",
            subcategory="figures",
        ),
        roc_figure_png="results/{study}/figures/normal_ecg_roc_{site}.png",
        calibration_figure_svg=report(
            "results/{study}/figures/normal_ecg_calibration_{site}.svg",
            caption="../report/normal_ecg_calibration.rst",
            category="{site}",
            subcategory="figures",
        ),
        calibration_figure_png="results/{study}/figures/normal_ecg_calibration_{site}.png",
        comparison_figure_svg=report(
            "results/{study}/figures/normal_ecg_comparison_{site}.svg",
            caption="../report/normal_ecg_comparison.rst",
            category="{site}",
            subcategory="figures",
        ),
        comparison_figure_png="results/{study}/figures/normal_ecg_comparison_{site}.png",
        record="results/{study}/records/analyse_normal_ecg/{site}.json",
    log:
        "results/{study}/logs/analyse_normal_ecg/{site}.log",
    benchmark:
        "results/{study}/benchmarks/analyse_normal_ecg/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        evaluation=settings("evaluation"),
        seed=seed,
    message:
        "Validating on the clinically normal ECGs of site {wildcards.site}"
    script:
        "../scripts/analyse_normal_ecg.py"


rule analyse_subgroups:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
    output:
        subgroups="results/{study}/tables/subgroups_{site}.csv",
        RCA_svg=report(
            "results/{study}/figures/subgroups_RCA_{site}.svg",
            caption="../report/subgroups.rst",
            category="{site}",
            subcategory="figures",
        ),
        RCA_png="results/{study}/figures/subgroups_RCA_{site}.png",
        LM_svg=report(
            "results/{study}/figures/subgroups_LM_{site}.svg",
            caption="../report/subgroups.rst",
            category="{site}",
            subcategory="figures",
        ),
        LM_png="results/{study}/figures/subgroups_LM_{site}.png",
        LAD_svg=report(
            "results/{study}/figures/subgroups_LAD_{site}.svg",
            caption="../report/subgroups.rst",
            category="{site}",
            subcategory="figures",
        ),
        LAD_png="results/{study}/figures/subgroups_LAD_{site}.png",
        LCX_svg=report(
            "results/{study}/figures/subgroups_LCX_{site}.svg",
            caption="../report/subgroups.rst",
            category="{site}",
            subcategory="figures",
        ),
        LCX_png="results/{study}/figures/subgroups_LCX_{site}.png",
        record="results/{study}/records/analyse_subgroups/{site}.json",
    log:
        "results/{study}/logs/analyse_subgroups/{site}.log",
    benchmark:
        "results/{study}/benchmarks/analyse_subgroups/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        evaluation=settings("evaluation"),
        seed=seed,
    message:
        "Comparing subgroups of site {wildcards.site}"
    script:
        "../scripts/analyse_subgroups.py"


rule choose_thresholds:
    input:
        cohort=development("results/{study}/cohort/{site}.parquet"),
        predictions=development("results/{study}/predictions/{site}.parquet"),
    output:
        thresholds="results/{study}/thresholds.json",
        record="results/{study}/records/choose_thresholds/thresholds.json",
    log:
        "results/{study}/logs/choose_thresholds/thresholds.log",
    benchmark:
        "results/{study}/benchmarks/choose_thresholds/thresholds.tsv"
    group:
        "risk_{study}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        site=lambda wildcards: study_of(wildcards).development_site,
        evaluation=settings("evaluation"),
    message:
        "Choosing the thresholds of study {wildcards.study} at its development site"
    script:
        "../scripts/choose_thresholds.py"


rule evaluate_thresholds:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
        thresholds="results/{study}/thresholds.json",
    output:
        thresholds="results/{study}/tables/thresholds_{site}.csv",
        strata="results/{study}/tables/strata_{site}.csv",
        figure_svg=report(
            "results/{study}/figures/strata_{site}.svg",
            caption="../report/strata.rst",
            category="{site}",
            subcategory="figures",
        ),
        figure_png="results/{study}/figures/strata_{site}.png",
        record="results/{study}/records/evaluate_thresholds/{site}.json",
    log:
        "results/{study}/logs/evaluate_thresholds/{site}.log",
    benchmark:
        "results/{study}/benchmarks/evaluate_thresholds/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        evaluation=settings("evaluation"),
        seed=seed,
    message:
        "Evaluating the frozen thresholds at site {wildcards.site}"
    script:
        "../scripts/evaluate_thresholds.py"


rule analyse_decisions:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
    output:
        decision_curves="results/{study}/tables/decision_curves_{site}.csv",
        figure_svg=report(
            "results/{study}/figures/decision_curves_{site}.svg",
            caption="../report/decision_curves.rst",
            category="{site}",
            subcategory="figures",
        ),
        figure_png="results/{study}/figures/decision_curves_{site}.png",
        record="results/{study}/records/analyse_decisions/{site}.json",
    log:
        "results/{study}/logs/analyse_decisions/{site}.log",
    benchmark:
        "results/{study}/benchmarks/analyse_decisions/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        evaluation=settings("evaluation"),
        seed=seed,
    message:
        "Drawing the decision curves of site {wildcards.site}"
    script:
        "../scripts/analyse_decisions.py"


rule plan_sample_size:
    input:
        cohort=development("results/{study}/cohort/{site}.parquet"),
        predictions=development("results/{study}/predictions/{site}.parquet"),
    output:
        sample_size="results/{study}/tables/sample_size.csv",
        record="results/{study}/records/plan_sample_size/sample_size.json",
    log:
        "results/{study}/logs/plan_sample_size/sample_size.log",
    benchmark:
        "results/{study}/benchmarks/plan_sample_size/sample_size.tsv"
    group:
        "report_{study}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        evaluation=settings("evaluation"),
    message:
        "Planning the sample size from the development site of study {wildcards.study}"
    script:
        "../scripts/plan_sample_size.py"


rule stratify_risk:
    input:
        predictions="results/{study}/predictions/{site}.parquet",
        thresholds="results/{study}/thresholds.json",
    output:
        risk="results/{study}/risk/{site}.parquet",
        record="results/{study}/records/stratify_risk/{site}.json",
    log:
        "results/{study}/logs/stratify_risk/{site}.log",
    benchmark:
        "results/{study}/benchmarks/stratify_risk/{site}.tsv"
    group:
        "risk_{study}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        evaluation=settings("evaluation"),
    message:
        "Assigning the risk groups of site {wildcards.site}"
    script:
        "../scripts/stratify_risk.py"


rule compare_starts:
    input:
        cohort=development("results/{study}/cohort/{site}.parquet"),
        signals=signals_of,
        splits=development("results/{study}/splits/{site}.parquet"),
        predictions=development("results/{study}/predictions/{site}.parquet"),
        models=random_start_models_of,
    output:
        predictions="results/{study}/random_start/predictions.parquet",
        starts="results/{study}/tables/starts.csv",
        figure_svg=report(
            "results/{study}/figures/starts.svg",
            caption="../report/starts.rst",
            category="foundation",
        ),
        figure_png="results/{study}/figures/starts.png",
        metrics="results/{study}/metrics/compare_starts.json",
        record="results/{study}/records/compare_starts/starts.json",
    log:
        "results/{study}/logs/compare_starts/starts.log",
    benchmark:
        "results/{study}/benchmarks/compare_starts/starts.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing_with_input(3000),
        runtime=growing(60),
        gpu=0,
    params:
        evaluation=settings("evaluation"),
    message:
        "Comparing the foundation with random weights in study {wildcards.study}"
    script:
        "../scripts/compare_starts.py"
