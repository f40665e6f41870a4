"""Compare what perturbed ECGs still give with what was planted."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    import pandas as pd

    from ecg_ccta import tables
    from ecg_ccta.cohort.pseudonyms import site_key
    from ecg_ccta.config import Cohort, Evaluation, Export
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.truth.compare_robustness_with_truth import compare_robustness_with_truth

    recovery = compare_robustness_with_truth(
        pd.concat([tables.read(tables.PERTURBED, path) for path in snakemake.input.perturbed], ignore_index=True),
        tables.read(tables.COHORT, snakemake.input.cohort),
        pd.read_parquet(snakemake.input.truth_table),
        site_key(snakemake.wildcards.site, Export(**snakemake.params.export), snakemake.params.seed),
        Evaluation.of(snakemake.params.evaluation),
        snakemake.params.seed,
        Cohort.of(snakemake.params.cohort).event_from,
    )
    write_csv(recovery, snakemake.output.recovery)
