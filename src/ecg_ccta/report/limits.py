"""The section of limits."""

from ecg_ccta.report.blocks import Section, Text
from ecg_ccta.report.formatting import count, listed
from ecg_ccta.report.results_folder import ResultsFolder


def limits(results: ResultsFolder) -> Section:
    study = results.study
    simulated = [results.title(site) for site, settings in study.sites.items() if settings.simulation is not None]
    blocks = []
    if simulated:
        blocks.append(
            Text(
                f"{listed(simulated)}: simulated. The figures show that the method finds what is there and "
                "nothing where "
                "nothing is; they say nothing about patients."
            )
        )
    found = results.table("discrimination", study.development_site)
    left_main = found[found["vessel"] == "LM"]
    events = count(left_main["events"].iloc[0]) if len(left_main) else "no"
    blocks += [
        Text(f"Left main disease is rare ({events} events at the development site): its figures are unstable."),
        Text(
            "Patients in a CCTA registry were referred for it. Discrimination and calibration need not carry over to "
            "people who were not."
        ),
        Text(
            "Attribution maps and waveform differences describe the model. A region that stands out need not be "
            "a cause "
            "of disease or of the prediction."
        ),
    ]
    return Section("limits", "Limits", blocks)
