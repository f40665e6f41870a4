"""ECGs of a generating network, for simulated sites whose morphology is learnt; no other study has this job."""


rule generate_ecgs:
    output:
        generated="results/{study}/generated/{site}.npz",
        record="results/{study}/records/generate_ecgs/{site}.json",
    log:
        "results/{study}/logs/generate_ecgs/{site}.log",
    benchmark:
        "results/{study}/benchmarks/generate_ecgs/{site}.tsv"
    group:
        "export_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        library=library_of("generate_ecgs"),
        ecgs=lambda wildcards: site_of(wildcards).simulation.ecgs,
        seed=seed,
    message:
        "Generating the ECGs of site {wildcards.site} of study {wildcards.study}"
    script:
        "../scripts/generate_ecgs.py"


jobs(rules.generate_ecgs, each_site(is_generated))
