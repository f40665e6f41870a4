"""Cumulative events after the CCTA by risk group."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from ecg_ccta import figures, tables
    from ecg_ccta.config import Evaluation, FollowUp
    from ecg_ccta.prognosis.accumulate_events import accumulate_events
    from ecg_ccta.prognosis.comparison import CRUDE
    from ecg_ccta.prognosis.figures import cumulative_events_figure, event_rates_figure, strata_events_figure
    from ecg_ccta.prognosis.patients import RISK_GROUP
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.statistics.estimates import rows_of

    results = accumulate_events(
        tables.read(tables.COHORT, snakemake.input.cohort),
        tables.read(tables.RISK_GROUPS, snakemake.input.risk),
        tables.read(tables.FOLLOW_UP, snakemake.input.follow_up),
        FollowUp.of(snakemake.params.follow_up),
        Evaluation.of(snakemake.params.evaluation),
        snakemake.params.seed,
        tables.read(tables.PATIENT_RISK, snakemake.input.patients),
    )
    write_csv(results["readings"], snakemake.output.cumulative_events)
    write_csv(results["comparison"], snakemake.output.comparison)
    write_csv(results["curves"], snakemake.output.curves)
    write_csv(results["at_risk"], snakemake.output.at_risk)
    write_csv(results["flow"], snakemake.output.flow)
    write_csv(results["rates"], snakemake.output.rates)
    write_csv(results["auc"], snakemake.output.auc)
    figures.save(cumulative_events_figure(results), snakemake.output.cumulative_events_svg)
    figures.save(strata_events_figure(results), snakemake.output.cumulative_events_strata_svg)
    figures.save(event_rates_figure(results), snakemake.output.event_rates_svg)
    ratios = rows_of(results["comparison"], "hazard ratio", CRUDE)
    ratios = ratios[ratios["grouping"] == RISK_GROUP].set_index("vessel")["estimate"]
    record.metrics({"hazard_ratio": ratios.to_dict()})
