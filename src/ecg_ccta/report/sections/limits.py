"""What the numbers cannot say."""

from ecg_ccta.report.blocks import Section, Text
from ecg_ccta.report.formatting import count, listed, percent
from ecg_ccta.report.negative_control import control_reach
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.vessels import VESSELS

ORDER = 210


def limits(results: ResultsFolder) -> Section:
    study = results.study
    simulated = [results.title(site) for site, settings in study.sites.items() if settings.simulation is not None]
    blocks = []
    if simulated:
        blocks.append(
            Text(
                f"{listed(simulated)}: simulated. The figures show how much of a planted effect the method finds"
                f"{_recovered(results)}; they say nothing about patients.",
                lead="Simulation",
            )
        )
    reach = control_reach(results.control) if results.control is not None else ""
    if reach:
        blocks.append(Text(reach, lead="Negative control"))
    judged = results.judged_sites_with("discrimination")
    externals = [title for site, title in judged if site in study.external_sites]
    validated = (
        f"Validated at {listed(externals)}; other hospitals, devices and populations may differ."
        if externals
        else "No other hospital validates the model; out-of-fold figures say nothing of other devices and populations."
    )
    blocks += [
        Text(_rare(results), lead="Rare events"),
        Text(
            "Patients in a CCTA registry were referred for it. Discrimination and calibration need not carry over to "
            "people who were not.",
            lead="Selected patients",
        ),
        Text(validated, lead="Transport"),
        Text(
            "A narrowed artery on CCTA is anatomy, read by people; it is not ischaemia, and finding it is not yet a "
            "benefit to the patient.",
            lead="Reference standard",
        ),
        Text(
            "The report has many intervals and tests. Only where a q value stands are tests corrected for their "
            "number; single findings among many are to be read with that in mind.",
            lead="Many comparisons",
        ),
        Text(
            "Attribution maps and waveform differences describe the model. A region that stands out need not be a "
            "cause of disease or of the prediction.",
            lead="Explanations",
        ),
    ]
    return Section("limits", "Limits", blocks)


def _recovered(results: ResultsFolder) -> str:
    """The smallest and the largest mean recovered fraction over sites and kinds of ECG, where the truth is known."""
    found = [results.table("recovery", site) for site, _ in results.sites_with("recovery")]
    means = [value for table in found for value in table.loc[table["vessel"] == "mean", "recovered"].dropna()]
    return f", {percent(min(means))} to {percent(max(means))} of it by site and kind of ECG" if means else ""


def _rare(results: ResultsFolder) -> str:
    """Events of the rarest vessel, and how many ECGs lack a finding."""
    site = results.study.development_site
    found = results.table("discrimination", site)
    by_vessel = found[found["vessel"].isin(VESSELS)].drop_duplicates("vessel").set_index("vessel")
    included = [step for step in results.flow(site) if "label" in step][-1]["ecgs"]
    lacking = 1 - by_vessel["n"] / max(included, 1)
    return (
        f"Left main disease is rare ({count(by_vessel['events'].get('LM'), 'no')} events at the development site): its "
        f"figures are unstable. Of the included ECGs there, {percent(lacking.min(), 1)} to {percent(lacking.max(), 1)} "
        "lack a finding of a vessel and are left out for it."
    )
