"""The AUC over all pairs of ECGs and over pairs of one origin, at every site."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation, Shortcut
    from ecg_ccta.evaluation.analyse_shortcut import analyse_shortcut, shortcut_figure
    from ecg_ccta.evaluation.scored import scored_ecgs
    from ecg_ccta.result_tables import read_csv, write_csv

    column = Shortcut.of(snakemake.params.shortcut).column
    titles = snakemake.params.titles
    paths = zip(titles, snakemake.input.cohorts, snakemake.input.predictions, snakemake.input.probes, strict=True)
    scored, probes = {}, {}
    for site, cohort_path, predictions_path, probe_path in paths:
        found = scored_ecgs(tables.read(tables.COHORT, cohort_path), tables.read(tables.PREDICTIONS, predictions_path))
        scored[site] = found.assign(origin=found.get(column))
        probes[site] = read_csv(probe_path)
    development = snakemake.params.development
    ordered = {development: scored[development], **scored}
    shortcut = analyse_shortcut(ordered, column, Evaluation.of(snakemake.params.evaluation))
    write_csv(shortcut, snakemake.output.shortcut)
    figures.save(shortcut_figure(shortcut, probes, titles), snakemake.output.shortcut_svg)
