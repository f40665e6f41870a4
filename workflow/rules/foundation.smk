"""The network that fine-tuning starts from: pre-trained here, or fetched as published."""


rule pretrain_foundation:
    output:
        checkpoint="results/foundation/{foundation}/checkpoint.pth",
        contract="results/foundation/{foundation}/contract.json",
        record="results/foundation/{foundation}/record.json",
    log:
        "results/foundation/{foundation}/pretrain_foundation.log",
    benchmark:
        "results/foundation/{foundation}/pretrain_foundation.tsv"
    wildcard_constraints:
        foundation=foundations_from("pretraining"),
    # It needs nothing and takes all cores of a laptop: first, so that no core waits for another to be free.
    priority: 10
    conda:
        "../../envs/study.yaml"
    threads: lambda wildcards: FOUNDATIONS[wildcards.foundation].pretraining.threads
    resources:
        mem_mb=growing(3000),
        runtime=growing(120),
        gpu=0,
        torch_threads=lambda wildcards: FOUNDATIONS[wildcards.foundation].pretraining.threads,
    params:
        library=library_of("pretrain_foundation"),
        pretraining=foundation_settings("pretraining", exclude={"threads"}),
        architecture=foundation_settings("architecture"),
        seed=lambda wildcards: FOUNDATIONS[wildcards.foundation].pretraining.seed,
    message:
        "Pre-training the foundation network {wildcards.foundation}"
    script:
        "../scripts/pretrain_foundation.py"


rule fetch_foundation:
    output:
        checkpoint="results/foundation/{foundation}/checkpoint.pth",
        contract="results/foundation/{foundation}/contract.json",
        record="results/foundation/{foundation}/record.json",
    log:
        "results/foundation/{foundation}/fetch_foundation.log",
    benchmark:
        "results/foundation/{foundation}/fetch_foundation.tsv"
    wildcard_constraints:
        foundation=foundations_from("weights"),
    # Compute nodes of a cluster often reach no network; where Snakemake itself runs, it may be reached.
    localrule: True
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
        gpu=0,
    params:
        library=library_of("fetch_foundation"),
        # Where a copy of the file lies changes nothing of it, so a move must not retrain every fold.
        weights=foundation_settings("weights", exclude={"local"}),
        architecture=foundation_settings("architecture"),
    message:
        "Fetching the foundation weights {wildcards.foundation}"
    script:
        "../scripts/fetch_foundation.py"
