"""Where raw site exports come from."""


rule simulate_site:
    output:
        export=directory("results/{study}/sites/{site}"),
        truth_table="results/{study}/truth/{site}.parquet",
        truth_json="results/{study}/truth/{site}.json",
        record="results/{study}/records/simulate_site/{site}.json",
    params:
        simulation=lambda wildcards: site_of(wildcards).simulation.model_dump(mode="json"),
        seed=seed,
    log:
        "results/{study}/logs/simulate_site/{site}.log",
    benchmark:
        "results/{study}/benchmarks/simulate_site/{site}.tsv"
    message:
        "Simulating the raw export of site {wildcards.site} of study {wildcards.study}"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    conda:
        "../../envs/study.yaml"
    script:
        "../scripts/simulate_site.py"
