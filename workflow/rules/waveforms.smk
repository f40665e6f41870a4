"""How high-risk ECGs differ from low-risk ones: mean beats, measurements, and what measurements explain of the logits."""


rule compare_waveforms:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        signals=signals_of,
        risk="results/{study}/risk/{site}.parquet",
        measurements=all_measurements_of,
    output:
        **figure("beats"),
        **figure_of_each_vessel("waveforms"),
        **figure_of_each_vessel("waveforms_normalised", caption="waveforms"),
        waveforms="results/{study}/tables/waveforms/{site}.csv",
        waveform_curves="results/{study}/tables/waveform_curves/{site}.csv",
        waveform_clusters="results/{study}/tables/waveform_clusters/{site}.csv",
        measurements_comparison="results/{study}/tables/measurements_comparison/{site}.csv",
        matching="results/{study}/tables/matching/{site}.csv",
        beats="results/{study}/tables/beats/{site}.csv",
        record="results/{study}/records/compare_waveforms/{site}.json",
    log:
        "results/{study}/logs/compare_waveforms/{site}.log",
    benchmark:
        "results/{study}/benchmarks/compare_waveforms/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        library=library_of("compare_waveforms"),
        evaluation=leaves("evaluation", "level"),
        seed=seed,
        shown=30,
    message:
        "Comparing the mean beats of the risk groups of site {wildcards.site}"
    script:
        "../scripts/compare_waveforms.py"


jobs(rules.compare_waveforms, each_site(has_findings, in_main))


rule explain_logits:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
        measurements=all_measurements_of,
    output:
        **figure("logits"),
        r2="results/{study}/tables/logit_r2/{site}.csv",
        groups="results/{study}/tables/logit_groups/{site}.csv",
        coefficients="results/{study}/tables/logit_coefficients/{site}.csv",
        record="results/{study}/records/explain_logits/{site}.json",
    log:
        "results/{study}/logs/explain_logits/{site}.log",
    benchmark:
        "results/{study}/benchmarks/explain_logits/{site}.tsv"
    group:
        "analysis_{study}_{site}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("explain_logits"),
        evaluation=leaves("evaluation", "level", "bootstrap_replicates"),
        seed=seed,
    message:
        "Explaining the logits of site {wildcards.site} by measurements"
    script:
        "../scripts/explain_logits.py"


jobs(rules.explain_logits, each_site(has_findings, in_main))
