"""The abstract says what the tables say, in words that fit simulated and real patients."""

import pandas as pd
import pytest

from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sections.abstract import abstract


@pytest.fixture
def real(changed):
    """The study with two real hospitals."""
    site = {"simulation": None, "export": "exports/x"}
    return changed({"sites": {"internal": site | {"title": "North"}, "external": site | {"title": "South"}}})


def said(study, folder, control=None) -> dict[str, str]:
    parts: dict[str, str] = {}
    lead = ""
    for block in abstract(ResultsFolder(study, folder, control)).blocks:
        lead = block.lead or lead
        parts[lead] = f"{parts.get(lead, '')} {block.text}".strip()
    return parts


def test_it_is_structured_and_its_numbers_are_the_tables(study, results, control, control_results):
    parts = said(study, results, ResultsFolder(control, control_results))
    assert list(parts) == ["Background", "Methods", "Results", "Conclusion"]
    assert "Internal (simulated): 2\u202f300 simulated ECGs of 1\u202f910 patients" in parts["Methods"]
    assert (
        "AUC, Internal (simulated), out of fold: RCA 0.71 (0.67 to 0.75), LAD 0.68 (0.64 to 0.72), "
        "LCX 0.70 (0.66 to 0.74), LM too few events (7)." in parts["Results"]
    )
    assert "slope's interval leaves out 1 for RCA (0.85, predictions too extreme)" in parts["Results"]
    assert "66 % (58 to 74) of the planted discrimination is recovered" in parts["Results"]
    assert "out of fold (1\u202f910 patients) 0.503 (0.483 to 0.523); 0.5 lies within the interval" in parts["Results"]
    assert "External (simulated) (1\u202f910 patients) 0.492 (0.472 to 0.512); 0.5 lies" in parts["Results"]
    assert "better than chance for RCA, LAD and LCX, which is not shown for LM." in parts["Conclusion"]
    assert "External (simulated), clinically normal ECGs: the ECG discriminates" in parts["Conclusion"]
    assert "cumulative incidence by day 300 in per cent (death competing): 6.0 (0.5 to 9.0) at high" in parts["Results"]
    assert "Follow-up starts on day 28: 1\u202f900 of 1\u202f910 patients with a prediction" in parts["Results"]
    assert "10 are not: event by day 28 (8), death by day 28 (2)." in parts["Results"]
    assert "an effect was planted to be found" in parts["Conclusion"]
    assert "says nothing about patients" in parts["Conclusion"]


def test_other_numbers_give_other_words(study, results):
    path = results / "tables/discrimination/internal.csv"
    table = pd.read_csv(path)
    table.loc[table["vessel"].isin(["RCA", "LAD"]) & (table["measure"] == "AUC"), "lower"] = 0.49
    table.to_csv(path, index=False)
    assert (
        "out of fold: the ECG discriminates severe stenosis better than chance for LCX, which is not shown "
        "for RCA, LM and LAD." in said(study, results)["Conclusion"]
    )
    table["lower"] = table["lower"].clip(upper=0.49)
    table.to_csv(path, index=False)
    assert "out of fold: for no vessel is the ECG shown to discriminate" in said(study, results)["Conclusion"]
    table = table.assign(estimate=None, lower=None, upper=None, note="too few events (7)")
    table.to_csv(path, index=False)
    assert "out of fold: no vessel has enough events for an AUC." in said(study, results)["Results"]


def test_real_patients_are_not_called_simulated(real, results):
    for path in results.glob("tables/recovery/*"):
        path.unlink()
    parts = said(real, results)
    everything = " ".join(parts.values())
    assert "simulat" not in everything
    assert "planted" not in everything
    assert "North: 2\u202f300 exported ECGs" in parts["Methods"]
    assert "Whether acting on the prediction helps patients was not studied." in parts["Conclusion"]


def test_a_mixed_study_says_which_site_is_simulated(changed, results):
    study = changed({"sites": {"external": {"simulation": None, "export": "exports/x", "title": "South"}}})
    parts = said(study, results)
    assert "simulated patients (Internal (simulated))" in parts["Background"]
    assert "South: 2\u202f300 exported ECGs" in parts["Methods"]
    assert "Whether acting" in parts["Conclusion"]


def test_without_an_effect_nothing_is_said_to_be_planted(changed, results):
    nothing = {"simulation": {"effect": 0}}
    study = changed({"sites": {"internal": nothing, "external": nothing}})
    assert "nothing was planted, so what stands out is chance" in said(study, results)["Conclusion"]
