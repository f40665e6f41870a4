"""Guideline pre-test probabilities against the published tables and against other implementations of them."""

import numpy as np
import pandas as pd
import pytest

from ecg_ccta.evaluation.pretest_probability import (
    combined_category,
    esc_2019,
    guideline_probabilities,
    pretest_category,
    rf_cl,
    risk_factor_group,
)

# Knuuti et al., Eur Heart J 2020;41:407-477, table 5, in its own layout, as transcribed by the R package pretestcad
# 1.1.0 (calculate_esc_2019_ptp): men and women with typical, atypical, non-anginal pain, and dyspnoea alone.
TABLE_5 = """
30 3 5 4 3 1 1 0 3
40 22 10 10 6 3 2 12 3
50 32 13 17 6 11 3 20 9
60 44 16 26 11 22 6 27 14
70 52 27 34 19 24 10 32 12
"""

# Vrints et al., Eur Heart J 2024;45:3415-3537, figure 4, as transcribed by pretestcad 1.1.0
# (calculate_esc_2024_fig_4_ptp_simplfied): per symptom score (0-1, 2, 3), sex and number of risk factors (0-1, 2-3,
# 4-5) the per cent at 30-39, 40-49, 50-59, 60-69, 70-80 years.
FIGURE_4 = {
    ("nonanginal", "female"): [(0, 1, 1, 2, 4), (1, 1, 2, 4, 7), (2, 3, 5, 7, 11)],
    ("nonanginal", "male"): [(1, 2, 4, 8, 15), (2, 4, 7, 12, 19), (5, 8, 12, 17, 24)],
    ("atypical", "female"): [(0, 1, 2, 3, 6), (1, 2, 3, 6, 10), (3, 5, 7, 11, 16)],
    ("atypical", "male"): [(2, 3, 6, 12, 22), (4, 6, 11, 17, 27), (8, 12, 17, 25, 34)],
    ("typical", "female"): [(2, 4, 6, 10, 16), (5, 7, 10, 14, 19), (10, 12, 15, 19, 23)],
    ("typical", "male"): [(9, 14, 21, 32, 44), (14, 20, 27, 35, 44), (22, 27, 33, 39, 45)],
}

# Expected values of pretestcad's own tests, which it verified with the authors' R code (github.com/CardioLab/cadptp).
CADPTP = [
    (30, "female", "nonanginal", 0, 0.00172552),
    (39, "female", "nonanginal", 3, 0.00869995),
    (39, "female", "nonanginal", 5, 0.02291907),
    (30, "male", "atypical", 0, 0.01110382),
    (39, "male", "atypical", 3, 0.04420946),
    (30, "male", "atypical", 4, 0.06264959),
    (30, "female", "typical", 0, 0.01758962),
    (39, "female", "typical", 3, 0.05488326),
    (39, "male", "typical", 5, 0.23914),
    (49, "female", "dyspnoea", 3, 0.02445408),
    (40, "male", "nonanginal", 4, 0.0616876),
]


def _one(age, sex, pain):
    return pd.Series([float(age)]), pd.Series([sex], dtype="string"), pd.Series([pain], dtype="string")


@pytest.mark.parametrize("within", [0, 9.9])
def test_every_value_of_the_esc_2019_table(within):
    for line in TABLE_5.strip().splitlines():
        age, *published = map(int, line.split())
        cells = [
            (pain, sex) for pain in ("typical", "atypical", "nonanginal", "dyspnoea") for sex in ("male", "female")
        ]
        for (pain, sex), per_cent in zip(cells, published, strict=True):
            assert esc_2019(*_one(age + within, sex, pain))[0] == pytest.approx(per_cent / 100)
    assert esc_2019(*_one(93, "male", "typical"))[0] == 0.52


def test_rf_cl_draws_the_chart_of_the_esc_2024_guidelines():
    """The chart gives whole per cent for a decade; the formula gives them at its middle, to the last one rounded."""
    exact = 0
    for (pain, sex), groups in FIGURE_4.items():
        for group, published in enumerate(groups, start=1):
            for age, per_cent in zip((35, 45, 55, 65, 75), published, strict=True):
                found = 100 * rf_cl(*_one(age, sex, pain), pd.Series([group]))[0]
                assert found == pytest.approx(per_cent, abs=0.65)
                exact += round(found) == per_cent
    assert exact >= 85  # of 90


@pytest.mark.parametrize(("age", "sex", "pain", "factors", "expected"), CADPTP)
def test_rf_cl_as_its_authors_compute_it(age, sex, pain, factors, expected):
    group = risk_factor_group(pd.DataFrame([[number < factors for number in range(5)]], dtype="boolean"))
    assert rf_cl(*_one(age, sex, pain), group)[0] == pytest.approx(expected, rel=1e-5)


def test_what_is_missing_has_no_probability_and_a_reason():
    patients = pd.DataFrame(
        {
            "age": [55, np.nan, 55, 55, 55, 25, 55, 55],
            "sex": pd.array(["male", "male", None, "male", "male", "male", "male", "male"], dtype="string"),
            "chest_pain": pd.array(
                ["typical", "typical", "typical", None, "none", "typical", "typical", "typical"], dtype="string"
            ),
            "hypertension": pd.array([True, True, True, True, True, True, True, None], dtype="boolean"),
            "diabetes": pd.array([True, True, True, True, True, True, None, True], dtype="boolean"),
            "dyslipidaemia": pd.array([False] * 6 + [True, False], dtype="boolean"),
            "smoking": pd.array([False] * 8, dtype="boolean"),
        },
        index=range(10, 18),
    )
    found = guideline_probabilities(patients)
    assert found["esc_2019_missing"].tolist() == [
        "", "no age", "no sex", "chest pain unknown", "no chest pain", "younger than 30 years", "", "",
    ]  # fmt: skip
    assert (found["esc_2019"].isna() == (found["esc_2019_missing"] != "")).all()
    # Two factors or three make one group; one or two do not.
    assert found["rf_cl_missing"].tolist()[6:] == ["", "number of risk factors unknown"]
    assert (found["rf_cl"].isna() == (found["rf_cl_missing"] != "")).all()
    assert found.index.equals(patients.index)


def test_categories_and_the_step_of_the_ecg():
    pretest = pretest_category(pd.Series([0.0, 0.0499, 0.05, 0.15, 0.1501, np.nan]))
    assert pretest.tolist()[:5] == ["<5 %", "<5 %", "5-15 %", "5-15 %", ">15 %"]
    assert pretest.isna().tolist()[5]
    after = combined_category(pretest, ["low", "high", "intermediate", "low", "low", "high"])
    assert after.tolist()[:5] == ["<5 %", "5-15 %", "5-15 %", "<5 %", "5-15 %"]
    assert after.isna().tolist()[5]
