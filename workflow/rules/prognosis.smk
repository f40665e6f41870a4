"""What happens after the CCTA."""


rule accumulate_events:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        risk="results/{study}/risk/{site}.parquet",
        patients="results/{study}/risk/{site}.patients.parquet",
        follow_up="results/{study}/cohort/{site}.follow_up.parquet",
    output:
        **figure("cumulative_events"),
        **figure("cumulative_events_strata"),
        **figure("event_rates"),
        cumulative_events="results/{study}/tables/cumulative_events/{site}.csv",
        comparison="results/{study}/tables/cumulative_events_comparison/{site}.csv",
        curves="results/{study}/tables/cumulative_events_curves/{site}.csv",
        at_risk="results/{study}/tables/cumulative_events_at_risk/{site}.csv",
        flow="results/{study}/tables/cumulative_events_flow/{site}.csv",
        rates="results/{study}/tables/event_rates/{site}.csv",
        auc="results/{study}/tables/time_dependent_auc/{site}.csv",
        record="results/{study}/records/accumulate_events/{site}.json",
    log:
        "results/{study}/logs/accumulate_events/{site}.log",
    benchmark:
        "results/{study}/benchmarks/accumulate_events/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("accumulate_events"),
        follow_up=leaves("follow_up", "landmark_days", "horizon_days", "reading_days"),
        evaluation=leaves("evaluation", *ESTIMATES),
        seed=seed,
    message:
        "Following up the risk groups of site {wildcards.site}"
    script:
        "../scripts/accumulate_events.py"


jobs(rules.accumulate_events, each_site(has_findings, has_follow_up, in_main))
