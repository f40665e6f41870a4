"""From raw tables to the included ECGs."""


rule build_cohort:
    input:
        export=export_tables,
    output:
        eligible="results/{study}/cohort/{site}.eligible.parquet",
        last_known="results/{study}/cohort/{site}.last_known.parquet",
        labels="results/{study}/cohort/{site}.labels.parquet",
        flow="results/{study}/cohort/{site}.eligible.flow.json",
        record="results/{study}/records/build_cohort/{site}.json",
    log:
        "results/{study}/logs/build_cohort/{site}.log",
    benchmark:
        "results/{study}/benchmarks/build_cohort/{site}.tsv"
    group:
        "export_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        library=library_of("build_cohort"),
        export=export_of,
        folder=export_folder,
        cohort=leaves("cohort", "days_before_ccta", "days_after_ccta", "minimum_age", "exclude", "event_from"),
        seed=seed,
        labels=labels_of,
    message:
        "Linking the ECGs of site {wildcards.site} to their CCTA"
    script:
        "../scripts/build_cohort.py"


jobs(rules.build_cohort, each_site())


rule admit_ecgs:
    input:
        eligible="results/{study}/cohort/{site}.eligible.parquet",
        flow="results/{study}/cohort/{site}.eligible.flow.json",
        last_known="results/{study}/cohort/{site}.last_known.parquet",
        shards=shard_tables_of,
    output:
        cohort="results/{study}/cohort/{site}.parquet",
        flow="results/{study}/cohort/{site}.flow.json",
        follow_up="results/{study}/cohort/{site}.follow_up.parquet",
        table1="results/{study}/tables/table1/{site}.csv",
        record="results/{study}/records/admit_ecgs/{site}.json",
    log:
        "results/{study}/logs/admit_ecgs/{site}.log",
    benchmark:
        "results/{study}/benchmarks/admit_ecgs/{site}.tsv"
    group:
        "cohort_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(15),
    params:
        library=library_of("admit_ecgs"),
        title=title_of,
    message:
        "Admitting the usable ECGs of site {wildcards.site}; follow-up, Table 1"
    script:
        "../scripts/admit_ecgs.py"


jobs(rules.admit_ecgs, each_site())
