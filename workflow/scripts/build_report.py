"""Write the study's one-page report."""

from ecg_ccta.tracking.records import recorded_job

with recorded_job(snakemake) as record:
    from pathlib import Path

    from ecg_ccta.config import Study
    from ecg_ccta.files import write_text
    from ecg_ccta.report.page import build_report
    from ecg_ccta.result_tables import write_csv
    from ecg_ccta.tracking.overhead import job_times, time_by_rule

    write_csv(time_by_rule(job_times(map(Path, snakemake.input.records))), snakemake.output.time_used)
    folder = Path(snakemake.output.page).parents[1]
    control = Study(**snakemake.params.control) if snakemake.params.control else None
    page = build_report(Study(**snakemake.params.study), folder, control, control and folder.parent / control.study)
    write_text(snakemake.output.page, page)
    record.metrics({"megabytes": len(page) / 1e6})
