"""How long each stage worked, and how long it took beside its work."""

from ecg_ccta.report.blocks import Table, Text
from ecg_ccta.report.formatting import count, number
from ecg_ccta.report.results_folder import ResultsFolder


def time_used(results: ResultsFolder) -> Table | Text:
    """Seconds of work and of overhead per stage, from the table that the report's rule writes."""
    table = results.table("time_used", columns=("rule", "jobs", "work_seconds", "overhead"))
    if table.empty:
        return Text("No job has left both a record and a benchmark, so the time used is not known.")
    rows = [
        [
            str(row["rule"]),
            count(row["jobs"]),
            number(row["work_seconds"], 1),
            number(row["other_seconds"], 1),
            f"{100 * row['overhead']:.0f} %",
        ]
        for _, row in table.iterrows()
    ]
    total = table.iloc[-1]
    return Table(
        "Time per stage, in seconds of all its jobs",
        ["Stage", "Jobs", "Work", "Start, end, hashes", "Overhead"],
        [("", rows)],
        says=f"{count(total['jobs'])} jobs took {number(total['wall_seconds'] / 60, 1)} minutes of job time in all, "
        f"{100 * total['overhead']:.0f} % of it for running them as jobs rather than for their work.",
        downloads=[results.download("time_used")],
        notes=[
            "Work includes the imports of Python's libraries. The report and MLflow are not in the table: they come "
            "after it."
        ],
    )
