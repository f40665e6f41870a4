"""How long each stage worked, and how long it took beside its work."""

from ecg_ccta.report.blocks import Table, Text
from ecg_ccta.report.columns import value, words
from ecg_ccta.report.formatting import count, number, percent
from ecg_ccta.report.results_folder import ResultsFolder

COLUMNS = {
    "Stage": words("rule"),
    "Jobs": value("jobs", count),
    "Work": value("work_seconds", number, 1),
    "Start, end, hashes": value("other_seconds", number, 1),
    "Overhead": value("overhead", percent),
}


def time_used(results: ResultsFolder) -> Table | Text:
    """Seconds of work and of overhead per stage, from the table that the report's rule writes."""
    table = results.table("time_used")
    if table.empty:
        return Text("No job has left both a record and a benchmark, so the time used is not known.")
    total = table.iloc[-1]
    return results.tabulated(
        "time_used",
        None,
        "Time per stage, in seconds of all its jobs",
        table,
        COLUMNS,
        says=f"{count(total['jobs'])} jobs took {number(total['wall_seconds'] / 60, 1)} minutes of job time in all, "
        f"{percent(total['overhead'])} of it for running them as jobs rather than for their work.",
        notes=[
            "Work includes the imports of Python's libraries. The report and MLflow are not in the table: they come "
            "after it."
        ],
    )
