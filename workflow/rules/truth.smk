"""What was found at simulated sites of what was planted there; these rules alone read the truth."""


rule compare_with_truth:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
        follow_up="results/{study}/cohort/{site}.follow_up.parquet",
        truth_table="results/{study}/truth/{site}.parquet",
        truth_json="results/{study}/truth/{site}.json",
        curves=waveform_curves_of,
        measurements=measurements_of,
    output:
        **figure("planted"),
        **figure("planted_hazards"),
        recovery="results/{study}/tables/recovery/{site}.csv",
        planted_regions="results/{study}/tables/planted_regions/{site}.csv",
        planted="results/{study}/tables/planted/{site}.csv",
        hazards="results/{study}/tables/planted_hazards/{site}.csv",
        separation="results/{study}/tables/oracle_separation/{site}.csv",
        record="results/{study}/records/compare_with_truth/{site}.json",
    log:
        "results/{study}/logs/compare_with_truth/{site}.log",
    benchmark:
        "results/{study}/benchmarks/compare_with_truth/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("compare_with_truth"),
        export=export_of,
        evaluation=leaves("evaluation", *ESTIMATES, "high_risk_thresholds", "normal_ecg", "normal_codes"),
        follow_up=leaves("follow_up", "landmark_days", "horizon_days"),
        cohort=leaves("cohort", "event_from"),
        seed=seed,
    message:
        "Comparing site {wildcards.site} with what was planted"
    script:
        "../scripts/compare_with_truth.py"


jobs(rules.compare_with_truth, each_site(has_findings, is_simulated))


rule compare_attribution_with_truth:
    input:
        truth_json="results/{study}/truth/{site}.json",
        folds=every_fold("results/{study}/attribution/{site}/fold{fold}.npz"),
    output:
        **figure_of_each_vessel("planted_attribution"),
        regions="results/{study}/tables/planted_attribution_regions/{site}.csv",
        agreement="results/{study}/tables/planted_attribution/{site}.csv",
        record="results/{study}/records/compare_attribution_with_truth/{site}.json",
    log:
        "results/{study}/logs/compare_attribution_with_truth/{site}.log",
    benchmark:
        "results/{study}/benchmarks/compare_attribution_with_truth/{site}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("compare_attribution_with_truth"),
    message:
        "Comparing the attribution at site {wildcards.site} with what was planted"
    script:
        "../scripts/compare_attribution_with_truth.py"


jobs(rules.compare_attribution_with_truth, each_site(is_development, is_simulated, in_main))


rule compare_instability_with_truth:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        ecgs="results/{study}/instability/{site}.parquet",
        truth_table="results/{study}/truth/{site}.parquet",
    output:
        **figure("instability_truth"),
        coverage="results/{study}/tables/instability_truth/{site}.csv",
        record="results/{study}/records/compare_instability_with_truth/{site}.json",
    log:
        "results/{study}/logs/compare_instability_with_truth/{site}.log",
    benchmark:
        "results/{study}/benchmarks/compare_instability_with_truth/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("compare_instability_with_truth"),
        cohort=leaves("cohort", "event_from"),
        export=export_of,
        evaluation=leaves("evaluation", "level", "bootstrap_replicates"),
        seed=seed,
    message:
        "Comparing re-developed predictions at site {wildcards.site} with the true risk"
    script:
        "../scripts/compare_instability_with_truth.py"


jobs(rules.compare_instability_with_truth, where(has_instability, each_site(has_findings, is_simulated, in_main)))
