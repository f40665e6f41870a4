"""How far the predictions of one site move when the model is developed again on other patients."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    from ecg_ccta import figures, tables
    from ecg_ccta.config import Architecture, Evaluation
    from ecg_ccta.evaluation.build_ladder import FINE_TUNED, PROBE
    from ecg_ccta.evaluation.instability_figures import instability_calibration_figure, instability_figure
    from ecg_ccta.evaluation.measure_instability import Versions, in_rows_of, measure_instability, of_networks
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.files import read_json
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.signals.store import SignalStore
    from ecg_ccta.statistics.estimates import rows_of
    from ecg_ccta.training.redevelopment import (
        RedevelopedProbes,
        foundation_features,
        redeveloped_logits,
        require_drawn_patients,
    )

    paths, folds = snakemake.input, snakemake.params.folds
    cohort = tables.read(tables.COHORT, paths.cohort)
    scored = scored_ecgs(cohort, tables.read(tables.PREDICTIONS, paths.predictions))
    features = foundation_features(
        Path(paths.foundation),
        Architecture(**snakemake.params.architecture),
        SignalStore(Path(paths.signals[0]).parent, cohort),
        len(cohort),
    )
    fold = scored.drop_duplicates("ecg_id").set_index("ecg_id")["fold"].loc[cohort["ecg_id"]].to_numpy()
    probes = [RedevelopedProbes.load(path) for path in paths.probes]
    logits = in_rows_of(scored, cohort, redeveloped_logits(probes, features, fold))
    models = {PROBE: Versions(logits[0], logits[1:])}
    if paths.networks:
        development = tables.read(tables.COHORT, paths.development_cohort)
        splits = tables.read(tables.SPLITS, paths.splits)
        told = [read_json(Path(folder) / "model.json") for folder in paths.models]
        for version in range(1, len(paths.networks) + 1):
            of_version = told[(version - 1) * folds : version * folds]
            require_drawn_patients(of_version, development, splits, version, snakemake.params.seed)
        again = [scored_ecgs(cohort, tables.read(tables.PREDICTIONS, path)) for path in paths.networks]
        models[FINE_TUNED] = of_networks(scored, again)
    found = measure_instability(scored, models, read_json(paths.thresholds), Evaluation.of(snakemake.params.evaluation))
    tables.write(found.ecgs, tables.INSTABILITY, snakemake.output.ecgs)
    write_csv(found.summary, snakemake.output.summary)
    write_csv(found.bands, snakemake.output.bands)
    write_csv(found.calibration, snakemake.output.calibration)
    figures.save(instability_figure(found.bands), snakemake.output.instability_svg)
    figures.save(instability_calibration_figure(found.calibration), snakemake.output.instability_calibration_svg)
    mape = rows_of(found.summary, "MAPE")
    record.metrics(
        {f"mape_{model.replace(' ', '_')}": of.set_index("vessel")["estimate"].to_dict()
         for model, of in mape.groupby("model")}
    )  # fmt: skip
