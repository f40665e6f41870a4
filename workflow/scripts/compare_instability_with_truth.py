"""How often intervals over re-developments hold the true risk at a simulated site."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    import pandas as pd

    from ecg_ccta import figures, tables
    from ecg_ccta.cohort.pseudonyms import site_key
    from ecg_ccta.config import Cohort, Evaluation, Export
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.truth.compare_instability_with_truth import (
        compare_instability_with_truth,
        instability_truth_figure,
    )

    site, seed = Export(**snakemake.params.export), snakemake.params.seed
    settings = Evaluation.of(snakemake.params.evaluation)
    coverage = compare_instability_with_truth(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.INSTABILITY, snakemake.input.ecgs),
        pd.read_parquet(snakemake.input.truth_table),
        site_key(snakemake.wildcards.site, site, seed),
        settings,
        seed,
        Cohort.of(snakemake.params.cohort).event_from,
    )
    write_csv(coverage, snakemake.output.coverage)
    figures.save(instability_truth_figure(coverage, settings.level), snakemake.output.instability_truth_svg)
