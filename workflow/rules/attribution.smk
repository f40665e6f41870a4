"""Which leads and beat segments the network looks at."""


rule attribute_waveforms:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        signals=signals_of,
        predictions="results/{study}/predictions/{site}.parquet",
        model="results/{study}/models/fold{fold}",
    output:
        attribution="results/{study}/attribution/{site}/fold{fold}.npz",
        record="results/{study}/records/attribute_waveforms/{site}-fold{fold}.json",
    log:
        "results/{study}/logs/attribute_waveforms/{site}-fold{fold}.log",
    benchmark:
        "results/{study}/benchmarks/attribute_waveforms/{site}-fold{fold}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing_with_input(3000),
        runtime=growing(240),
    params:
        library=library_of("attribute_waveforms"),
        explanation=leaves("explanation", "attributed_ecgs", "batch_size"),
        seed=seed,
    message:
        "Attributing the predictions of fold {wildcards.fold} at site {wildcards.site} to leads and segments"
    script:
        "../scripts/attribute_waveforms.py"


jobs(rules.attribute_waveforms, where(in_main, lambda study: each_fold(site=study.development_site)(study)))


rule summarise_attribution:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        folds=every_fold("results/{study}/attribution/{site}/fold{fold}.npz"),
    output:
        **figure("attribution"),
        **figure("attribution_regions"),
        **figure("faithfulness"),
        **figure("randomisation"),
        attribution="results/{study}/tables/attribution/{site}.csv",
        attribution_map="results/{study}/tables/attribution_map/{site}.csv",
        faithfulness="results/{study}/tables/faithfulness/{site}.csv",
        faithfulness_curves="results/{study}/tables/faithfulness_curves/{site}.csv",
        randomisation="results/{study}/tables/randomisation/{site}.csv",
        record="results/{study}/records/summarise_attribution/{site}.json",
    log:
        "results/{study}/logs/summarise_attribution/{site}.log",
    benchmark:
        "results/{study}/benchmarks/summarise_attribution/{site}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("summarise_attribution"),
    message:
        "Summarising the attribution of all folds at site {wildcards.site}"
    script:
        "../scripts/summarise_attribution.py"


jobs(rules.summarise_attribution, each_site(is_development, in_main))
