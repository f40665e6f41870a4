"""Day 0 and the days from it, on tables written by hand."""

import pandas as pd

from ecg_ccta.cohort.follow_up import follow_up_from_index


def patient(number: int) -> str:
    return f"{number:020x}"


def cohort(*rows: tuple[int, str | None]) -> pd.DataFrame:
    numbers, dates = zip(*rows, strict=True)
    return pd.DataFrame({"patient_id": map(patient, numbers), "ccta_date": pd.to_datetime(list(dates))})


def last_known(*rows: tuple[int, str, str]) -> pd.DataFrame:
    numbers, dates, events = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            "patient_id": map(patient, numbers),
            "last_date": pd.to_datetime(list(dates)),
            "event": pd.array(events, dtype="string"),
        }
    )


def test_days_count_from_the_first_ccta_with_an_included_ecg() -> None:
    """Patient 1's CCTA of January has no included ECG, so nothing of it is in the table and day 0 is in March."""
    ecgs = cohort((0, "2022-05-05"), (0, "2022-03-01"), (1, "2022-03-01"), (2, None))
    known = last_known((0, "2022-03-31", "event"), (1, "2022-03-01", "death"), (2, "2022-04-01", "censored"))
    follow_up, lost = follow_up_from_index(ecgs, known)
    assert follow_up.to_numpy().tolist() == [[patient(0), 30.0, "event"], [patient(1), 0.0, "death"]]
    assert lost == []


def test_each_reason_is_counted_once() -> None:
    ecgs = cohort(*((number, "2022-03-01") for number in range(5)))
    known = last_known(
        (0, "2022-02-28", "event"),
        (1, "2022-02-28", "death"),
        (2, "2022-02-28", "censored"),
        (4, "2022-03-02", "death"),
    )
    follow_up, lost = follow_up_from_index(ecgs, known)
    assert follow_up["patient_id"].tolist() == [patient(4)]
    assert {row["excluded"]: row["patients"] for row in lost} == {
        "no follow-up": 1,
        "death before the CCTA: an error in the export": 1,
        "event before the CCTA": 1,
        "follow-up ends before the CCTA": 1,
    }
