"""What the network looks at, and how it compares with what was planted."""


rule compare_waveforms:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        signals=signals_of,
        risk="results/{study}/risk/{site}.parquet",
        measurements=all_measurements_of,
    output:
        waveforms="results/{study}/tables/waveforms_{site}.csv",
        waveform_curves="results/{study}/tables/waveform_curves_{site}.csv",
        waveform_clusters="results/{study}/tables/waveform_clusters_{site}.csv",
        measurements_comparison="results/{study}/tables/measurements_comparison_{site}.csv",
        matching="results/{study}/tables/matching_{site}.csv",
        beats="results/{study}/tables/beats_{site}.csv",
        beats_svg=report(
            "results/{study}/figures/beats_{site}.svg",
            caption="../report/beats.rst",
            category="{site}",
            subcategory="figures",
        ),
        beats_png="results/{study}/figures/beats_{site}.png",
        RCA_svg=report(
            "results/{study}/figures/waveforms_RCA_{site}.svg",
            caption="../report/waveforms.rst",
            category="{site}",
            subcategory="figures",
        ),
        RCA_png="results/{study}/figures/waveforms_RCA_{site}.png",
        normalised_RCA_svg=report(
            "results/{study}/figures/waveforms_normalised_RCA_{site}.svg",
            caption="../report/waveforms.rst",
            category="{site}",
            subcategory="figures",
        ),
        normalised_RCA_png="results/{study}/figures/waveforms_normalised_RCA_{site}.png",
        LM_svg=report(
            "results/{study}/figures/waveforms_LM_{site}.svg",
            caption="../report/waveforms.rst",
            category="{site}",
            subcategory="figures",
        ),
        LM_png="results/{study}/figures/waveforms_LM_{site}.png",
        normalised_LM_svg=report(
            "results/{study}/figures/waveforms_normalised_LM_{site}.svg",
            caption="../report/waveforms.rst",
            category="{site}",
            subcategory="figures",
        ),
        normalised_LM_png="results/{study}/figures/waveforms_normalised_LM_{site}.png",
        LAD_svg=report(
            "results/{study}/figures/waveforms_LAD_{site}.svg",
            caption="../report/waveforms.rst",
            category="{site}",
            subcategory="figures",
        ),
        LAD_png="results/{study}/figures/waveforms_LAD_{site}.png",
        normalised_LAD_svg=report(
            "results/{study}/figures/waveforms_normalised_LAD_{site}.svg",
            caption="../report/waveforms.rst",
            category="{site}",
            subcategory="figures",
        ),
        normalised_LAD_png="results/{study}/figures/waveforms_normalised_LAD_{site}.png",
        LCX_svg=report(
            "results/{study}/figures/waveforms_LCX_{site}.svg",
            caption="../report/waveforms.rst",
            category="{site}",
            subcategory="figures",
        ),
        LCX_png="results/{study}/figures/waveforms_LCX_{site}.png",
        normalised_LCX_svg=report(
            "results/{study}/figures/waveforms_normalised_LCX_{site}.svg",
            caption="../report/waveforms.rst",
            category="{site}",
            subcategory="figures",
        ),
        normalised_LCX_png="results/{study}/figures/waveforms_normalised_LCX_{site}.png",
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
        explanation=settings("explanation"),
        evaluation=settings("evaluation"),
        seed=seed,
        shown=30,
    message:
        "Comparing the mean beats of the risk groups of site {wildcards.site}"
    script:
        "../scripts/compare_waveforms.py"


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
        explanation=settings("explanation"),
        seed=seed,
    message:
        "Attributing the predictions of fold {wildcards.fold} at site {wildcards.site} to leads and segments"
    script:
        "../scripts/attribute_waveforms.py"


rule summarise_attribution:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        folds=attributions_of,
    output:
        attribution="results/{study}/tables/attribution_{site}.csv",
        attribution_map="results/{study}/tables/attribution_map_{site}.csv",
        faithfulness="results/{study}/tables/faithfulness_{site}.csv",
        faithfulness_curves="results/{study}/tables/faithfulness_curves_{site}.csv",
        randomisation="results/{study}/tables/randomisation_{site}.csv",
        attribution_svg=report(
            "results/{study}/figures/attribution_{site}.svg",
            caption="../report/attribution.rst",
            category="{site}",
            subcategory="figures",
        ),
        attribution_png="results/{study}/figures/attribution_{site}.png",
        regions_svg=report(
            "results/{study}/figures/attribution_regions_{site}.svg",
            caption="../report/attribution_regions.rst",
            category="{site}",
            subcategory="figures",
        ),
        regions_png="results/{study}/figures/attribution_regions_{site}.png",
        faithfulness_svg=report(
            "results/{study}/figures/faithfulness_{site}.svg",
            caption="../report/faithfulness.rst",
            category="{site}",
            subcategory="figures",
        ),
        faithfulness_png="results/{study}/figures/faithfulness_{site}.png",
        randomisation_svg=report(
            "results/{study}/figures/randomisation_{site}.svg",
            caption="../report/randomisation.rst",
            category="{site}",
            subcategory="figures",
        ),
        randomisation_png="results/{study}/figures/randomisation_{site}.png",
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
    message:
        "Summarising the attribution of all folds at site {wildcards.site}"
    script:
        "../scripts/summarise_attribution.py"


rule compare_attribution_with_truth:
    input:
        truth_json="results/{study}/truth/{site}.json",
        folds=attributions_of,
    output:
        regions="results/{study}/tables/planted_attribution_regions_{site}.csv",
        agreement="results/{study}/tables/planted_attribution_{site}.csv",
        RCA_svg=report(
            "results/{study}/figures/planted_attribution_RCA_{site}.svg",
            caption="../report/planted_attribution.rst",
            category="{site}",
            subcategory="figures",
        ),
        RCA_png="results/{study}/figures/planted_attribution_RCA_{site}.png",
        LM_svg=report(
            "results/{study}/figures/planted_attribution_LM_{site}.svg",
            caption="../report/planted_attribution.rst",
            category="{site}",
            subcategory="figures",
        ),
        LM_png="results/{study}/figures/planted_attribution_LM_{site}.png",
        LAD_svg=report(
            "results/{study}/figures/planted_attribution_LAD_{site}.svg",
            caption="../report/planted_attribution.rst",
            category="{site}",
            subcategory="figures",
        ),
        LAD_png="results/{study}/figures/planted_attribution_LAD_{site}.png",
        LCX_svg=report(
            "results/{study}/figures/planted_attribution_LCX_{site}.svg",
            caption="../report/planted_attribution.rst",
            category="{site}",
            subcategory="figures",
        ),
        LCX_png="results/{study}/figures/planted_attribution_LCX_{site}.png",
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
    message:
        "Comparing the attribution at site {wildcards.site} with what was planted"
    script:
        "../scripts/compare_attribution_with_truth.py"


rule explain_ecgs:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        signals=signals_of,
        export=export_tables,
        predictions="results/{study}/predictions/{site}.parquet",
        risk="results/{study}/risk/{site}.parquet",
        thresholds="results/{study}/thresholds.json",
        models=models_of,
    output:
        pages=directory("results/{study}/ecgs/{site}"),
        record="results/{study}/records/explain_ecgs/{site}.json",
    log:
        "results/{study}/logs/explain_ecgs/{site}.log",
    benchmark:
        "results/{study}/benchmarks/explain_ecgs/{site}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(120),
    params:
        site=site_settings,
        title=title_of,
        export=export_folder,
        evaluation=settings("evaluation"),
        explanation=settings("explanation"),
        seed=seed,
    message:
        "Explaining single ECGs of site {wildcards.site}"
    script:
        "../scripts/explain_ecgs.py"


rule explain_logits:
    input:
        cohort="results/{study}/cohort/{site}.parquet",
        predictions="results/{study}/predictions/{site}.parquet",
        measurements=all_measurements_of,
    output:
        r2="results/{study}/tables/logit_r2_{site}.csv",
        groups="results/{study}/tables/logit_groups_{site}.csv",
        coefficients="results/{study}/tables/logit_coefficients_{site}.csv",
        figure_svg=report(
            "results/{study}/figures/logits_{site}.svg",
            caption="../report/logits.rst",
            category="{site}",
            subcategory="figures",
        ),
        figure_png="results/{study}/figures/logits_{site}.png",
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
        evaluation=settings("evaluation"),
        seed=seed,
    message:
        "Explaining the logits of site {wildcards.site} by measurements"
    script:
        "../scripts/explain_logits.py"


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
        recovery="results/{study}/tables/recovery_{site}.csv",
        planted_regions="results/{study}/tables/planted_regions_{site}.csv",
        planted="results/{study}/tables/planted_{site}.csv",
        hazards="results/{study}/tables/planted_hazards_{site}.csv",
        separation="results/{study}/tables/oracle_separation_{site}.csv",
        figure_svg=report(
            "results/{study}/figures/planted_{site}.svg",
            caption="../report/planted.rst",
            category="{site}",
            subcategory="figures",
        ),
        figure_png="results/{study}/figures/planted_{site}.png",
        hazards_svg=report(
            "results/{study}/figures/planted_hazards_{site}.svg",
            caption="../report/planted_hazards.rst",
            category="{site}",
            subcategory="figures",
        ),
        hazards_png="results/{study}/figures/planted_hazards_{site}.png",
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
        site=site_settings,
        evaluation=settings("evaluation"),
        follow_up=settings("follow_up"),
        seed=seed,
    message:
        "Comparing site {wildcards.site} with what was planted"
    script:
        "../scripts/compare_with_truth.py"
