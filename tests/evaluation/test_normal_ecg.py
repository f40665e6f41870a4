"""Which statements mean a normal ECG, and the comparison with the rest."""

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.normal_ecg import is_clinically_normal, validate_normal
from ecg_ccta.evaluation.scored import scored_ecgs


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("Normal ECG", True),
        ("Sinus rhythm. NORMAL  ecg.", True),
        ("normal electrocardiogram", True),
        ("Abnormal ECG", False),
        ("Otherwise normal ECG", False),
        ("Borderline ECG, probably normal ECG", False),
        ("This is not a normal ECG", False),
        ("Normal sinus rhythm, left bundle branch block", False),
        ("426783006", True),
        ("426783006,426177001", False),
        ("426177001", False),
        ("426783006, 164889003", False),
        ("", None),
        ("  ", None),
        (None, None),
    ],
)
def test_statements(statement: str | None, expected: bool | None) -> None:
    found = is_clinically_normal(pd.Series([statement], dtype="string", index=[7]))
    assert str(found.dtype) == "boolean"
    assert (None if found.isna()[7] else bool(found[7])) is expected


def test_panel_holds_normal_ecgs_only_and_compares_with_the_rest(cohort_and_predictions) -> None:
    scored = scored_ecgs(*cohort_and_predictions)
    panel = validate_normal(scored, Evaluation(bootstrap_replicates=100), seed=1)
    lad = scored[(scored["vessel"] == "LAD") & scored["y_true"].notna()]
    normal = lad[(lad["statement"] == "Sinus rhythm. Normal ECG").fillna(False)]
    other = lad[lad["statement"].isin(["Abnormal ECG", "Otherwise normal ECG"])]
    auc = roc_auc_score(normal["y_true"].astype(int), normal["logit"])
    assert panel["discrimination"].set_index("vessel").loc["LAD", "auc"] == pytest.approx(auc)
    row = panel["comparison"].set_index("vessel").loc["LAD"]
    assert (row["n_normal"], row["n_other"]) == (len(normal), len(other))
    assert row["difference"] == pytest.approx(auc - roc_auc_score(other["y_true"].astype(int), other["logit"]))
    assert row["bootstrap_lower"] < row["difference"] < row["bootstrap_upper"]
    assert row["delong_lower"] < row["difference"] < row["delong_upper"]
    assert 0 <= row["p_value"] <= 1
    ecgs = panel["ecgs"].set_index("statement")["ecgs"]
    assert ecgs.sum() == scored["ecg_id"].nunique()
    assert ecgs["none"] > 0
    assert "too few events" in panel["comparison"].set_index("vessel").loc["LM", "note"]


def test_no_statements_at_all(cohort_and_predictions) -> None:
    scored = scored_ecgs(*cohort_and_predictions).assign(statement=pd.NA).astype({"statement": "string"})
    panel = validate_normal(scored, Evaluation(bootstrap_replicates=20), seed=1)
    assert (panel["comparison"]["note"] == "normal ECGs: no findings; other ECGs: no findings").all()
