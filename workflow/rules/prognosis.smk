"""What happens after the CCTA."""


rule accumulate_events:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        risk="results/{study}/risk/{site}.parquet",
        follow_up="results/{study}/cohort/{site}.follow_up.parquet",
    output:
        cumulative_events="results/{study}/tables/cumulative_events_{site}.csv",
        comparison="results/{study}/tables/cumulative_events_comparison_{site}.csv",
        curves="results/{study}/tables/cumulative_events_curves_{site}.csv",
        at_risk="results/{study}/tables/cumulative_events_at_risk_{site}.csv",
        flow="results/{study}/tables/cumulative_events_flow_{site}.csv",
        rates="results/{study}/tables/event_rates_{site}.csv",
        auc="results/{study}/tables/time_dependent_auc_{site}.csv",
        figure_svg=report(
            "results/{study}/figures/cumulative_events_{site}.svg",
            caption="../report/cumulative_events.rst",
            category="{site}",
            subcategory="figures",
        ),
        figure_png="results/{study}/figures/cumulative_events_{site}.png",
        strata_svg=report(
            "results/{study}/figures/cumulative_events_strata_{site}.svg",
            caption="../report/cumulative_events_strata.rst",
            category="{site}",
            subcategory="figures",
        ),
        strata_png="results/{study}/figures/cumulative_events_strata_{site}.png",
        rates_svg=report(
            "results/{study}/figures/event_rates_{site}.svg",
            caption="../report/event_rates.rst",
            category="{site}",
            subcategory="figures",
        ),
        rates_png="results/{study}/figures/event_rates_{site}.png",
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
        follow_up=settings("follow_up"),
        evaluation=settings("evaluation"),
        seed=seed,
    message:
        "Following up the risk groups of site {wildcards.site}"
    script:
        "../scripts/accumulate_events.py"
