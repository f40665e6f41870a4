import numpy as np
import pandas as pd

from ecg_ccta.report.page import build_report
from ecg_ccta.report.sections.logits import sentence
from ecg_ccta.waveforms.explain_logits import BOTH


def test_the_section_tells_how_much_is_explained_and_by_what(study, results):
    page = build_report(study, results)
    assert "What measurements explain" in page
    assert "Measurements, age and sex explain 42 % (38 to 46) of the variance of the LAD logit; ST most" in page
    assert "ST at J+60 ms, V3 has the largest coefficient" in page
    assert "LM: too few patients (31)." in page


def test_nothing_explained_is_said_in_words():
    r2 = pd.DataFrame([{"vessel": "LAD", "predictors": BOTH, "r2": 0.01, "lower": -0.01, "upper": 0.03, "note": ""}])
    empty = pd.DataFrame({"vessel": [], "r2_lost": []})
    assert sentence(r2, empty, empty).startswith("The measurements explain nothing of the LAD logit")


def test_without_the_tables_there_is_no_section(study, results):
    for path in (results / "tables").glob("logit_*/*.csv"):
        path.unlink()
    assert "What measurements explain" not in build_report(study, results)


def test_a_vessel_with_no_selected_measurement_says_so(study, results):
    path = results / "tables/logit_coefficients/internal.csv"
    table = pd.read_csv(path)
    table["coefficient"] = np.where(table["vessel"] == "LAD", 0.0, table["coefficient"])
    table.to_csv(path, index=False)
    assert "no measurement was selected" in build_report(study, results)
