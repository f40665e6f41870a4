"""Where raw site exports come from."""


rule simulate_site:
    input:
        generated=generated_of,
    output:
        export=directory("results/{study}/sites/{site}"),
        truth_table="results/{study}/truth/{site}.parquet",
        truth_json="results/{study}/truth/{site}.json",
        record="results/{study}/records/simulate_site/{site}.json",
    log:
        "results/{study}/logs/simulate_site/{site}.log",
    benchmark:
        "results/{study}/benchmarks/simulate_site/{site}.tsv"
    group:
        "export_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("simulate_site"),
        simulation=lambda wildcards: site_of(wildcards).simulation.model_dump(mode="json"),
        seed=seed,
    message:
        "Simulating the raw export of site {wildcards.site} of study {wildcards.study}"
    script:
        "../scripts/simulate_site.py"


jobs(rules.simulate_site, each_site(is_simulated))
