"""Validation, recalibration, the grades of stenosis, the clinically normal ECG, and subgroups."""


rule validate:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
    output:
        **figure("roc"),
        **figure("calibration"),
        **figure("probabilities"),
        discrimination="results/{study}/tables/discrimination/{site}.csv",
        roc="results/{study}/tables/roc/{site}.csv",
        calibration="results/{study}/tables/calibration/{site}.csv",
        calibration_curve="results/{study}/tables/calibration_curve/{site}.csv",
        calibration_summary="results/{study}/tables/calibration_summary/{site}.csv",
        probabilities="results/{study}/tables/probabilities/{site}.csv",
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
        library=library_of("validate"),
        evaluation=leaves("evaluation", *ESTIMATES, "high_risk_thresholds", "calibration_groups"),
        seed=seed,
    message:
        "Validating the predictions of site {wildcards.site}"
    script:
        "../scripts/validate.py"


jobs(rules.validate, each_site(has_findings))


RECALIBRATED = (has_findings, is_external, in_main)
"""Whose predictions are recalibrated: external sites' alone, because those of the development site are out of fold."""


rule recalibrate:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
    output:
        **figure("recalibrated"),
        parameters="results/{study}/tables/recalibration/{site}.csv",
        assignment="results/{study}/recalibration/{site}.parquet",
        summary="results/{study}/tables/recalibrated_summary/{site}.csv",
        curve="results/{study}/tables/recalibrated_curve/{site}.csv",
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
        library=library_of("recalibrate"),
        evaluation=leaves("evaluation", *ESTIMATES),
        seed=seed,
    message:
        "Recalibrating the predictions of site {wildcards.site}, cross-fitted"
    script:
        "../scripts/recalibrate.py"


jobs(rules.recalibrate, each_site(*RECALIBRATED))


rule compare_sites:
    input:
        cohort=development("results/{study}/cohort/{site}.parquet"),
        predictions=development("results/{study}/predictions/{site}.parquet"),
        external_cohorts=every_site("results/{study}/cohort/{site}.parquet", is_external, has_findings),
        external_predictions=every_site("results/{study}/predictions/{site}.parquet", is_external, has_findings),
    output:
        comparison="results/{study}/tables/site_comparison.csv",
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
        library=library_of("compare_sites"),
        evaluation=leaves("evaluation", *ESTIMATES),
        seed=seed,
    message:
        "Comparing discrimination at external sites with the development site of study {wildcards.study}"
    script:
        "../scripts/compare_sites.py"


jobs(rules.compare_sites, once(in_main, has_external_findings))


rule analyse_severity:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
    output:
        **figure("grades"),
        grades="results/{study}/tables/grades/{site}.csv",
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
        library=library_of("analyse_severity"),
        evaluation=leaves("evaluation", *ESTIMATES),
        seed=seed,
    message:
        "Comparing predicted probability with the grade of stenosis at site {wildcards.site}"
    script:
        "../scripts/analyse_severity.py"


jobs(rules.analyse_severity, each_site(has_findings, in_main))


rule analyse_normal_ecg:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
        thresholds="results/{study}/thresholds.json",
        measurements=measurements_of,
    output:
        **figure("normal_ecg_roc"),
        **figure("normal_ecg_calibration"),
        **figure("normal_ecg_comparison"),
        discrimination="results/{study}/tables/normal_ecg/{site}.csv",
        roc="results/{study}/tables/normal_ecg_roc/{site}.csv",
        calibration="results/{study}/tables/normal_ecg_calibration/{site}.csv",
        calibration_curve="results/{study}/tables/normal_ecg_calibration_curve/{site}.csv",
        calibration_summary="results/{study}/tables/normal_ecg_calibration_summary/{site}.csv",
        thresholds="results/{study}/tables/normal_ecg_thresholds/{site}.csv",
        strata="results/{study}/tables/normal_ecg_strata/{site}.csv",
        comparison="results/{study}/tables/normal_ecg_comparison/{site}.csv",
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
        library=library_of("analyse_normal_ecg"),
        evaluation=leaves(
            "evaluation", *ESTIMATES, "high_risk_thresholds", "calibration_groups", "normal_ecg", "normal_codes"
        ),
        seed=seed,
    message:
        "Validating on the clinically normal ECGs of site {wildcards.site}"
    script:
        "../scripts/analyse_normal_ecg.py"


jobs(rules.analyse_normal_ecg, each_site(has_findings, in_main))


rule analyse_subgroups:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
    output:
        **figure_of_each_vessel("subgroups"),
        subgroups="results/{study}/tables/subgroups/{site}.csv",
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
        library=library_of("analyse_subgroups"),
        evaluation=leaves("evaluation", *ESTIMATES, "age_cut", "interval_cut_days"),
        seed=seed,
    message:
        "Comparing subgroups of site {wildcards.site}"
    script:
        "../scripts/analyse_subgroups.py"


jobs(rules.analyse_subgroups, each_site(has_findings, in_main))
