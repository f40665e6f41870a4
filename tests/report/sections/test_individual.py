import pandas as pd
import pytest

from ecg_ccta.report.page import build_report
from ecg_ccta.report.sections.individual import examples
from ecg_ccta.single_ecg.choosing import OUTCOMES
from ecg_ccta.single_ecg.explain_ecgs import INDEX
from ecg_ccta.vessels import VESSELS


def index() -> pd.DataFrame:
    rows = [{"ecg_id": f"{i}{j}", "file": f"{i}{j}.svg", "vessel": v, "chosen_as": outcome, "grade": "mild",
             "probability": 0.2, "logit_over_mean_beat": 1.25}
            for i, v in enumerate(VESSELS) for j, outcome in enumerate(OUTCOMES)]  # fmt: skip
    return pd.DataFrame(rows, columns=INDEX)


@pytest.fixture
def explained(results):
    for site in ("internal", "external"):
        folder = results / "ecgs" / site
        folder.mkdir(parents=True)
        index().to_csv(folder / "index.csv", index=False)
        for name in index()["file"]:
            (folder / name).write_text(f"<svg xmlns='http://www.w3.org/2000/svg' id='trace-{name}'/>")
    return results


def test_examples_are_one_of_each_outcome_and_of_each_vessel():
    found = examples(index())
    assert list(found["chosen_as"]) == list(OUTCOMES)
    assert set(found["vessel"]) == set(VESSELS)
    assert list(examples(index()[index()["vessel"] == "RCA"])["chosen_as"]) == list(OUTCOMES)


def test_simulated_ecgs_are_shown(study, explained):
    page = build_report(study, explained)
    assert page.count("Page of one ECG") == 4
    assert "The colours add up to 1.25" in page


def test_real_ecgs_never_come_into_the_report(changed, explained):
    study = changed({"sites": {"internal": {"simulation": None, "export": "data/internal"}}})
    page = build_report(study, explained)
    assert "Page of one ECG" not in page
    assert "are in results/default/ecgs/internal" in page
    assert "a tracing is personal data" in page
    shown = build_report(changed({}), explained)
    picture = shown.split('alt="Page of one ECG')[0].rsplit('src="', 1)[1].split('"')[0]
    assert picture not in page
