"""A tiny hospital export in tmp_path, which tests then break."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb

from ecg_ccta.config import Cohort, Quality, Site
from ecg_ccta.vessels import LEADS

SECRETS = ("ECG-77", "PAT-88")
"""Beginnings of every ECG and patient identifier of the tiny export."""


def synthetic_ecg(seed: int) -> np.ndarray:
    """(12, 5000) in mV at 500 Hz with consistent limb leads; different for every seed."""
    rng = np.random.default_rng(seed)
    t = np.arange(5000) / 500
    phase = (t * rng.uniform(0.9, 1.6)) % 1 - 0.5
    beat = np.exp(-((phase / 0.02) ** 2)) + 0.25 * np.exp(-(((phase - 0.25) / 0.06) ** 2))
    one, two = 0.7 * beat, 1.1 * beat
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    return np.array(limb + [gain * beat for gain in (-0.6, 0.4, 0.9, 1.4, 1.2, 0.8)])


class Export:
    """A folder of tables, edited as lists of dicts, and (where `recorded`) their recordings."""

    def __init__(self, folder: Path, recorded: bool) -> None:
        self.folder = folder
        self.recorded = recorded
        (folder / "records").mkdir(parents=True)
        self.site = Site(role="external", export=folder, pseudonym_key=folder.parent / "site.key")
        (folder.parent / "site.key").write_text("0123456789abcdef0123456789abcdef")
        self.tables: dict[str, list[dict[str, Any]]] = {"ecg_index": [], "ccta": [], "patients": [], "follow_up": []}

    def add(self, number: int, ecg: np.ndarray | None = None, recorded_at: str = "2022-05-01T10:00:00") -> None:
        """Patient `number` with one ECG on `recorded_at`, a CCTA on 2022-05-11 and a follow-up to 2024-05-11."""
        patient, ecg_id = f"PAT-88{number:03d}", f"ECG-77{number:03d}"
        self.tables["patients"].append(
            {"patient_id": patient, "birth_date": "1960-01-01", "sex": "Female", "hypertension": "yes", "smoking": ""}
        )
        self.tables["ccta"].append(
            {
                "patient_id": patient,
                "performed_at": "2022-05-11",
                "RCA": "severe",
                "LM": "not assessable",
                "LAD": "none",
                "LCX": "complete",
            }
        )
        self.tables["follow_up"].append(
            {"patient_id": patient, "end_date": "2024-05-11", "event_date": "", "event": ""}
        )
        self.add_ecg(ecg_id, patient, synthetic_ecg(number) if ecg is None else ecg, recorded_at)

    def add_ecg(self, ecg_id: str, patient: str, ecg: np.ndarray, recorded_at: str) -> None:
        if self.recorded:
            self.write_record(ecg_id, ecg)
        self.tables["ecg_index"].append(
            {"ecg_id": ecg_id, "patient_id": patient, "recorded_at": recorded_at, "path": f"records/{ecg_id}"}
        )

    def write_record(self, name: str, ecg: np.ndarray, leads: tuple[str, ...] = LEADS) -> None:
        wfdb.wrsamp(
            name,
            fs=500,
            units=["mV"] * len(leads),
            sig_name=list(leads),
            p_signal=ecg.T,
            fmt=["16"] * len(leads),
            adc_gain=[1000.0] * len(leads),
            baseline=[0] * len(leads),
            write_dir=str(self.folder / "records"),
        )

    def record(self, number: int, suffix: str = ".dat") -> Path:
        return self.folder / "records" / f"ECG-77{number:03d}{suffix}"

    def write(self, without: tuple[str, str] | None = None, renamed: tuple[str, str, str] | None = None) -> None:
        """Write the tables; `without` (table, column) leaves one out, `renamed` (table, column, name) renames one."""
        for table, rows in self.tables.items():
            columns = list(dict.fromkeys(name for row in rows for name in row))
            if without is not None and without[0] == table:
                columns.remove(without[1])
            header = [
                renamed[2] if renamed is not None and renamed[:2] == (table, column) else column for column in columns
            ]
            with (self.folder / f"{table}.csv").open("w", newline="", encoding="utf-8") as stream:
                writer = csv.writer(stream)
                writer.writerow(header)
                writer.writerows([[row.get(column, "") for column in columns] for row in rows])

    def build(self, **settings):
        """Eligible ECGs, when patients were last known, and flow."""
        eligible, last_known, _, flow = self.build_labelled(**settings)
        return eligible, last_known, flow

    def build_labelled(self, *labels: str, **settings):
        """Eligible ECGs, when patients were last known, labels and flow."""
        from ecg_ccta.cohort.building import build_cohort

        return build_cohort("hospital", self.site, self.folder, Cohort(**settings), 1, labels)

    def admit(self, shards: int = 2):
        """The whole way to the cohort; returns (cohort, flow, signals per shard)."""
        from ecg_ccta.cohort.admission import admit
        from ecg_ccta.signals.shards import clean_shard

        eligible, _, flow = self.build()
        parts = [
            clean_shard(eligible, self.folder, self.site, "hospital", 1, Quality(), shard, shards)
            for shard in range(shards)
        ]
        return *admit(eligible, [table for _, table in parts], flow), [signals for signals, _ in parts]


def six_patients(folder: Path, recorded: bool) -> Export:
    export = Export(folder, recorded)
    for number in range(6):
        export.add(number)
    return export


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Tables of six patients with one good ECG each, not yet written."""
    return six_patients(tmp_path / "export", recorded=False)


@pytest.fixture
def recorded_export(tmp_path: Path) -> Export:
    """The same with their recordings."""
    return six_patients(tmp_path / "export", recorded=True)


@pytest.fixture
def ecg_of() -> Callable[[int], np.ndarray]:
    return synthetic_ecg


def reasons(flow: dict[str, Any]) -> dict[str, int]:
    return {step["excluded"]: step["ecgs"] for step in flow["steps"] if "excluded" in step}


@pytest.fixture(name="reasons")
def reasons_fixture() -> Callable[[dict[str, Any]], dict[str, int]]:
    """Exclusions of a flow: reason -> ECGs."""
    return reasons
