import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_ccta.cohort.building import _link, _reasons
from ecg_ccta.cohort.follow_up import follow_up_from_index
from ecg_ccta.cohort.pseudonyms import pseudonym
from ecg_ccta.config import Cohort, Tables
from ecg_ccta.errors import StudyError
from ecg_ccta.tables import EXCLUSIONS
from ecg_ccta.vessels import VESSELS

KEY = b"0123456789abcdef0123456789abcdef"


def test_grades_targets_and_missing_findings(export):
    export.write()
    eligible, _, flow = export.build()
    first = eligible.iloc[0]
    assert [first[f"target_{vessel}"] for vessel in ("RCA", "LAD", "LCX")] == [1, 0, 1]
    assert eligible["target_LM"].isna().all()
    assert eligible["grade_LM"].isna().all()
    # The CCTA has only a date: whole days are compared.
    assert first["days_to_ccta"] == 10.0
    assert first["age"] == pytest.approx(62.33, abs=0.01)
    assert flow["steps"] == [
        {"label": "ECGs in the export", "ecgs": 6, "patients": 6},
        {"label": "ECGs eligible", "ecgs": 6, "patients": 6},
    ]


@pytest.mark.parametrize(
    ("recorded_at", "days"),
    [
        ("2022-02-10T00:00:00", 90.0),
        ("2022-02-09T23:59:59", None),
        ("2022-05-18T23:59:59", -7.0),
        ("2022-05-19T00:00:00", None),
        ("2022-05-11", 0.0),
    ],
)
def test_window(export, reasons, recorded_at, days):
    export.tables["ecg_index"][2]["recorded_at"] = recorded_at
    export.write()
    eligible, _, flow = export.build()
    mine = eligible.loc[eligible["ecg_id"] == pseudonym(KEY, "ecg", "ECG-77002"), "days_to_ccta"].tolist()
    assert mine == ([] if days is None else [days])
    assert reasons(flow) == ({"no CCTA in the window": 1} if days is None else {})


def test_with_times_on_both_sides_days_are_exact(export):
    export.tables["ccta"][0]["performed_at"] = "2022-05-02T22:00:00"
    export.write()
    assert export.build()[0]["days_to_ccta"].iloc[0] == 1.5


def test_nearest_ccta_wins_and_of_two_the_one_after_the_ecg(export):
    def ccta(day: str, grade: str) -> dict:
        return {**export.tables["ccta"][0], "performed_at": day, "RCA": grade}

    export.tables["ccta"] += [ccta("2022-04-28", "mild"), ccta("2022-05-04", "moderate"), ccta("2022-05-20", "none")]
    export.write()
    first = export.build()[0].iloc[0]
    assert (first["days_to_ccta"], first["grade_RCA"]) == (3.0, "moderate")
    assert first["ccta_date"] == pd.Timestamp("2022-05-04")


def test_each_reason_counts_once_in_its_order(export, reasons):
    ecgs, ccta = export.tables["ecg_index"], export.tables["ccta"]
    ecgs[0]["recorded_at"] = ""
    ecgs[1]["recorded_at"] = "2019-01-01"
    export.tables["patients"][1]["birth_date"] = "2010-01-01"  # too young as well, but no CCTA comes first
    export.tables["patients"][2]["birth_date"] = "2010-01-01"
    for vessel in VESSELS:
        ccta[2][vessel] = ccta[3][vessel] = ""
    export.write()
    eligible, _, flow = export.build()
    assert list(reasons(flow).items()) == [
        ("no recording time", 1),
        ("no CCTA in the window", 1),
        ("under minimum age", 1),
        ("no finding in any vessel", 1),
    ]
    assert len(eligible) == 2
    assert flow["steps"][-1] == {"label": "ECGs eligible", "ecgs": 2, "patients": 2}


def test_nothing_eligible_says_why(export):
    for row in export.tables["ecg_index"]:
        row["recorded_at"] = ""
    export.write()
    with pytest.raises(StudyError, match=r"none of 6 ECGs is eligible \(no recording time: 6"):
        export.build()


def test_unknown_age_stays(export):
    for row in export.tables["patients"]:
        row["birth_date"] = ""
    export.write()
    eligible, _, _ = export.build()
    assert len(eligible) == 6
    assert eligible["age"].isna().all()


def test_ages_and_sex_of_the_index_come_first(export):
    export.tables["ecg_index"][0] |= {"age": "50.5", "sex": "F"}
    export.tables["patients"][0]["sex"] = ""
    export.tables["patients"][1] |= {"birth_date": "", "age": "70"}
    export.write()
    eligible, _, _ = export.build()
    assert eligible["age"].iloc[:2].tolist() == [50.5, 70.0]
    assert eligible["sex"].iloc[0] == "female"


def test_without_ccta_everything_is_eligible_and_nothing_is_negative(export):
    export.site = export.site.model_copy(update={"tables": Tables(ccta=None)})
    export.tables["ecg_index"][0]["recorded_at"] = ""
    export.write()
    eligible, last_known, _ = export.build()
    assert len(eligible) == 6
    assert eligible[[f"target_{vessel}" for vessel in VESSELS]].isna().all(axis=None)
    assert eligible[["days_to_ccta", "ccta_date"]].isna().all(axis=None)
    assert follow_up_from_index(eligible, last_known)[0].empty


def test_without_patients_and_follow_up(export):
    export.site = export.site.model_copy(update={"tables": Tables(patients=None, follow_up=None)})
    export.write()
    eligible, last_known, _ = export.build()
    assert eligible[["hypertension", "sex", "age"]].isna().all(axis=None)
    follow_up, lost = follow_up_from_index(eligible, last_known)
    assert follow_up.empty
    assert lost == [{"excluded": "no follow-up", "patients": 6}]


def test_the_event_comes_before_the_end_and_other_patients_are_left_out(export):
    rows = export.tables["follow_up"]
    rows[0] |= {"event": "myocardial infarction", "event_date": "2022-06-10"}
    rows[1] |= {"event": "death", "event_date": "2022-05-11", "end_date": ""}
    rows[2] |= {"end_date": ""}
    export.tables["ecg_index"][3]["recorded_at"] = ""
    export.write()
    _, last_known, _ = export.build()
    by_patient = last_known.set_index("patient_id")

    def of(number: int) -> tuple:
        return tuple(by_patient.loc[pseudonym(KEY, "patient", f"PAT-88{number:03d}")])

    assert of(0) == (pd.Timestamp("2022-06-10"), "event")
    assert of(1) == (pd.Timestamp("2022-05-11"), "death")
    assert of(5) == (pd.Timestamp("2024-05-11"), "censored")
    assert len(last_known) == 4


def test_no_raw_identifier_in_any_output(export):
    export.write()
    eligible, last_known, flow = export.build()
    text = eligible.to_csv() + last_known.to_csv() + repr(flow)
    for secret in ("ECG-77", "PAT-88", "records/"):
        assert secret not in text
    assert set(last_known["patient_id"]) <= set(eligible["patient_id"])


days = st.integers(-200, 200)


@given(
    ecgs=st.lists(st.tuples(st.integers(0, 3), days), min_size=1, max_size=12),
    exams=st.lists(st.tuples(st.integers(0, 3), days, st.sampled_from(["none", "severe", None])), max_size=12),
)
def test_linking_agrees_with_a_plain_search(ecgs, exams):  # fmt: skip
    """Against the definition, ECG by ECG: a nearest examination in the window, or none."""
    zero = pd.Timestamp("2022-01-01")
    exams = list({exam[:2]: exam for exam in exams}.values())
    index = pd.DataFrame(
        {
            "row": range(2, len(ecgs) + 2),
            "patient_id": [str(patient) for patient, _ in ecgs],
            "recorded_at": [zero + pd.Timedelta(days=day) for _, day in ecgs],
            "recorded_has_time": False,
            "age": 60.0,
        }
    )
    ccta = pd.DataFrame(
        {
            "row": range(2, len(exams) + 2),
            "patient_id": pd.Series([str(patient) for patient, _, _ in exams], dtype=object),
            "performed_at": pd.Series([zero + pd.Timedelta(days=day) for _, day, _ in exams], dtype="datetime64[ns]"),
            "performed_has_time": pd.Series([False] * len(exams), dtype=bool),
            "scanner": pd.Series([None] * len(exams), dtype="string"),
            **{vessel: pd.Series([grade for _, _, grade in exams], dtype=object) for vessel in VESSELS},
            **{name: pd.Series([pd.NA] * len(exams), dtype="boolean") for name in EXCLUSIONS},
        }
    )
    linked = _link(index, ccta, Cohort())
    found = _reasons(linked, True, Cohort())
    assert linked["row"].tolist() == index["row"].tolist()
    for (patient, day), row, reason in zip(ecgs, linked.to_dict("records"), found, strict=True):
        inside = [(exam - day, grade) for owner, exam, grade in exams if owner == patient and -7 <= exam - day <= 90]
        if not inside:
            assert reason == "no CCTA in the window"
            continue
        apart, grade = min(inside, key=lambda pair: (abs(pair[0]), pair[0] < 0))
        assert row["days_to_ccta"] == apart
        assert pd.isna(row["target_RCA"]) if grade is None else row["target_RCA"] == (grade == "severe")
        assert (reason == "no finding in any vessel") == (grade is None)


def test_scanner_and_centre_are_those_of_the_linked_ccta_and_the_ecg(export):
    for place, (ecg, ccta) in enumerate(zip(export.tables["ecg_index"], export.tables["ccta"], strict=True)):
        ecg["centre"], ccta["scanner"] = ("ward" if place % 2 else "", f"CT {place}")
    export.write()
    eligible = export.build()[0]
    assert eligible["scanner"].tolist() == [f"CT {place}" for place in range(6)]
    assert eligible["centre"].isna().tolist() == [True, False] * 3
    assert set(eligible["centre"].dropna()) == {"ward"}


def test_the_grade_from_which_a_stenosis_counts_is_that_of_the_vessel(export):
    for place, grade in enumerate(("none", "mild", "moderate", "severe", "complete", "not assessable")):
        export.tables["ccta"][place] |= dict.fromkeys(VESSELS, grade)
    export.tables["ccta"][5]["RCA"] = "none"  # an ECG without any finding would be left out
    export.write()
    as_before = export.build()[0]
    eligible = export.build(event_from={"LM": "moderate", "LCX": "complete"})[0]
    assert as_before["target_LM"].tolist() == [0, 0, 0, 1, 1, pd.NA]
    assert eligible["target_LM"].tolist() == [0, 0, 1, 1, 1, pd.NA]
    assert eligible["target_LAD"].tolist() == [0, 0, 0, 1, 1, pd.NA]
    assert eligible["target_LCX"].tolist() == [0, 0, 0, 0, 1, pd.NA]


def test_exclusions_are_reasons_of_the_flow_from_either_table(export, reasons):
    told = [row["patient_id"] for row in export.tables["patients"]]
    for place, (patient, ccta) in enumerate(zip(export.tables["patients"], export.tables["ccta"], strict=True)):
        patient["prior_infarction"] = ("yes", "", "no", "no", "1", "no")[place]
        ccta["pacemaker"] = ("no", "", "yes", "no", "yes", "no")[place]
    export.write()
    assert len(told) == len(export.build()[0]) == 6
    eligible, _, flow = export.build(exclude=["prior_infarction", "pacemaker"])
    # Whose cell is empty stays; who has both counts once, for the first.
    assert reasons(flow) == {"prior myocardial infarction": 2, "pacemaker": 1}
    assert len(eligible) == 3


def test_an_exclusion_that_no_table_knows_is_refused(export):
    export.tables["ccta"][0]["prior_pci"] = "no"
    export.write()
    export.build(exclude=["prior_pci"])
    wanted = r"patients\.csv, column prior_bypass or ccta\.csv, column prior_bypass: the column is missing.*Fix: add it"
    with pytest.raises(StudyError, match=wanted):
        export.build(exclude=["prior_pci", "prior_bypass"])
    export.site = export.site.model_copy(update={"tables": Tables(patients=None)})
    with pytest.raises(StudyError, match=r"hospital: ccta\.csv, column pacemaker: the column is missing"):
        export.build(exclude=["pacemaker"])
