"""Predict each centre of the development site by a linear probe that saw none of its patients."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import tables
    from ecg_ccta.config import Architecture, Cohort, Recipe
    from ecg_ccta.training.leave_centre_out import predict_left_out_centres

    channels = Architecture(**snakemake.params.architecture).filter_list[-1]
    predictions = predict_left_out_centres(
        tables.read(tables.feature_schema(channels), snakemake.input.features),
        tables.read(tables.COHORT, snakemake.input.cohort),
        Recipe.of(snakemake.params.recipe),
        snakemake.params.seed,
        Cohort.of(snakemake.params.cohort).event_from,
    )
    tables.write(predictions, tables.CENTRE_PREDICTIONS, snakemake.output.predictions)
    record.metrics({"centres": predictions["centre"].nunique()})
