"""A simulated hospital's raw export, as a hospital would hand it over, and beside it the truth that was planted."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd

from ecg_ccta.config import Simulation
from ecg_ccta.files import replacing, write_json
from ecg_ccta.sources import event_model
from ecg_ccta.sources.alterations import altered_by, planted_truth
from ecg_ccta.sources.devices import choose_devices, recorded_with
from ecg_ccta.sources.follow_up import HAZARD_RATIOS, marginal_hazard_ratios, simulate_follow_up
from ecg_ccta.sources.generated_ecgs import GeneratedECGs
from ecg_ccta.sources.morphology import choose_morphology
from ecg_ccta.sources.recordings import BROKEN_SIGNALS, write_broken, write_recording
from ecg_ccta.sources.second_ccta import second_examinations
from ecg_ccta.sources.statements import write_statement
from ecg_ccta.tables import RISK_FACTORS
from ecg_ccta.vessels import EVENT_GRADES, GRADE_CUTS, SAMPLING_RATE, VESSELS

BLOCK = 64
"""ECGs drawn together from one seed; a constant, so that nothing depends on how the work is divided."""

BROKEN_KINDS = (*BROKEN_SIGNALS, "duplicate", "no CCTA in the window")

NOT_ASSESSABLE = 0.03
UNRECORDED = 0.02
FIRST_CCTA, LAST_CCTA = np.datetime64("2021-01-04"), np.datetime64("2022-12-30")


def simulate_site(
    folder: Path,
    truth_table: Path,
    truth_json: Path,
    simulation: Simulation,
    seed: int,
    generated: GeneratedECGs | None = None,
) -> dict:
    """Write the raw export of a simulated hospital into `folder`, and its truth.

    `truth_table` (Parquet) has one row per row of ecg_index.csv: ecg_id, patient_id (raw), expression_<vessel>,
    oracle_<vessel> (probability of a severe or complete stenosis; of other grades on: `event_model.oracle_column`) and
    broken (kind, or missing). `truth_json` has what was planted. Equal arguments write equal bytes. `generated` are the
    ECGs, one per patient, of `morphology: learnt`; None where that is parametric.

    Returns
    -------
    dict
        Counts and ECGs per second.

    Raises
    ------
    StudyError
        Where the asked-for oracle AUC cannot be reached.
    """
    begun = time.perf_counter()
    streams = np.random.SeedSequence(seed).spawn(6)
    rng = np.random.default_rng(streams[0])
    model = event_model.solve(simulation)
    patients = _patients(simulation.patients, model, rng)
    ecgs = _ecgs(patients, simulation, rng)
    age, male = patients["age"].to_numpy(), patients["male"].to_numpy()
    expression_of = [f"expression_{vessel}" for vessel in VESSELS]
    expression = patients[expression_of].to_numpy()
    shown_by = expression[ecgs["patient"]]
    second = None
    if simulation.second_ccta:
        second_rng = np.random.default_rng(streams[4])
        second = second_examinations(patients, model, simulation.second_ccta, second_rng)
        ecgs = pd.concat([ecgs, _ecgs_of_second(second, second_rng)], ignore_index=True)
        shown_by = np.concatenate([shown_by, second[expression_of].to_numpy()])
    morphology = choose_morphology(simulation, age, male, generated, np.random.default_rng(streams[1]))
    if simulation.devices:
        # A stream of its own, so that the patients and their tracings are those of a site with one device.
        device_rng = np.random.default_rng(streams[5])
        patients["device"] = choose_devices(_events(patients), simulation.devices, device_rng)

    with replacing(folder) as export:
        export.mkdir()
        recorded = ecgs[ecgs["copy_of"] < 0]
        statements = np.empty(len(ecgs), dtype=object)
        blocks = range(0, len(recorded), BLOCK)
        for start, stream in zip(blocks, streams[2].spawn(len(blocks)), strict=True):
            block, block_rng = recorded.iloc[start : start + BLOCK], np.random.default_rng(stream)
            owners = block["patient"].to_numpy()
            alterations = altered_by(simulation.effect * shown_by[block.index])
            signals, findings = morphology.record(owners, alterations, block_rng)
            statements[block.index] = [write_statement(row) for row in findings]
            if simulation.devices:
                with_b = (patients["device"].to_numpy() == "B")[owners]
                signals[with_b] = recorded_with(signals[with_b], simulation.devices, device_rng)
            for ecg, signal in zip(block.itertuples(), signals, strict=True):
                _write(export, ecg.ecg_id, signal, ecg.broken, block_rng)
        for ecg in ecgs[ecgs["copy_of"] >= 0].itertuples():
            original = ecgs.loc[ecg.copy_of]
            _copy(export, original["ecg_id"], ecg.ecg_id)
            statements[ecg.Index] = statements[ecg.copy_of]
        _write_tables(export, patients, ecgs, statements, second, np.random.default_rng(streams[3]))

    owners = ecgs["patient"].to_numpy()
    oracles = {grade: model.oracle(shown_by, age[owners], male[owners], grade) for grade in GRADE_CUTS}
    truth = pd.DataFrame(
        {
            "ecg_id": ecgs["ecg_id"],
            "patient_id": patients["patient_id"].to_numpy()[owners],
            **{f"expression_{vessel}": shown_by[:, column] for column, vessel in enumerate(VESSELS)},
            **{
                event_model.oracle_column(vessel, grade): oracle[:, column]
                for grade, oracle in oracles.items()
                for column, vessel in enumerate(VESSELS)
            },
            "broken": ecgs["broken"].astype("string"),
        }
    )
    with replacing(truth_table) as temporary:
        truth.to_parquet(temporary, index=False)
    events = _events(patients)
    write_json(truth_json, _truth(simulation, model, model.oracle(expression, age, male), events, patients["event"]))
    seconds = time.perf_counter() - begun
    return {
        "patients": len(patients),
        "ecgs": len(ecgs),
        "broken": int(ecgs["broken"].notna().sum()),
        **{f"events_{vessel}": int(events[:, column].sum()) for column, vessel in enumerate(VESSELS)},
        "myocardial_infarctions": int((patients["event"] == "myocardial infarction").sum()),
        "normal_statements": int(sum(text.endswith("Normal ECG.") for text in statements)),
        "ecgs_per_second": len(ecgs) / seconds,
    }


def _events(patients: pd.DataFrame) -> np.ndarray:
    """(n, 4) whether each vessel has a severe or complete stenosis."""
    return patients[[f"grade_{vessel}" for vessel in VESSELS]].isin(EVENT_GRADES).to_numpy()


def _patients(n: int, model: event_model.EventModel, rng: np.random.Generator) -> pd.DataFrame:
    """One row per patient: covariates, expressions, grades, CCTA date and follow-up."""
    patients = event_model.simulate_patients(n, rng)
    expression = event_model.simulate_expressions(n, rng)
    age, male = patients["age"].to_numpy(), patients["male"].to_numpy()
    noise = rng.logistic(size=(n, len(VESSELS)))
    liability = model.liability(expression, age, male, event_model.risk_matrix(patients), noise)
    grades = model.grades(liability)
    performed = FIRST_CCTA + rng.integers(0, (LAST_CCTA - FIRST_CCTA).astype(int) + 1, n)
    columns = {
        "patient_id": _numbers(n, 8, rng),
        "performed_at": performed,
        "birth_date": performed - np.rint(age * 365.25).astype(int),
        **{f"expression_{vessel}": expression[:, column] for column, vessel in enumerate(VESSELS)},
        **{f"grade_{vessel}": grades[:, column] for column, vessel in enumerate(VESSELS)},
    }
    follow_up = simulate_follow_up(performed, age, np.isin(grades, EVENT_GRADES), rng)
    return pd.concat([patients, pd.DataFrame(columns), follow_up], axis=1)


def _ecgs(patients: pd.DataFrame, simulation: Simulation, rng: np.random.Generator) -> pd.DataFrame:
    """One row per ECG: id, owner (row of `patients`), time, how it is broken, and the row that it is a copy of."""
    n, total = len(patients), simulation.ecgs
    broken_count = round(simulation.broken_fraction * total)
    kinds = [BROKEN_KINDS[number % len(BROKEN_KINDS)] for number in range(broken_count)]
    # A duplicate is an extra row, and every patient needs a recording of their own.
    spare = total - n
    copies = min(kinds.count("duplicate"), spare)
    kinds = [kind for kind in kinds if kind != "duplicate"] + ["duplicate"] * copies
    unique = total - copies
    owners = np.concatenate([np.arange(n), rng.integers(0, n, unique - n)])
    broken = np.full(total, None, dtype=object)
    original_kinds = kinds[: len(kinds) - copies]
    broken[rng.choice(unique, len(original_kinds), replace=False)] = original_kinds
    broken[unique:] = "duplicate"
    intact = np.flatnonzero(pd.isna(broken[:unique]))
    copy_of = np.full(total, -1)
    copy_of[unique:] = rng.choice(intact, copies, replace=False)
    owners = np.concatenate([owners, owners[copy_of[unique:]]])
    # Most ECGs are taken in the days before the CCTA, a few after it.
    before = np.minimum(rng.exponential(14, total), 89)
    days = np.where(rng.random(total) < 0.1, -rng.integers(0, 7, total), np.floor(before))
    days = np.where(broken == "no CCTA in the window", rng.integers(200, 401, total), days).astype(int)
    seconds = np.clip(rng.normal(11.5, 3, total), 6, 22) * 3600
    # pandas keeps no dates, only seconds: without [D] the days would be subtracted as seconds.
    performed = patients["performed_at"].to_numpy().astype("datetime64[D]")
    recorded_at = (performed[owners] - days).astype("datetime64[s]")
    recorded_at = recorded_at + seconds.astype(int).astype("timedelta64[s]")
    recorded_at[unique:] = recorded_at[copy_of[unique:]]
    return pd.DataFrame(
        {
            "ecg_id": _numbers(total, 9, rng),
            "patient": owners,
            "recorded_at": recorded_at,
            "broken": broken,
            "copy_of": copy_of,
        }
    )


def _ecgs_of_second(second: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of `_ecgs` for the second CCTAs: an ECG each, none of them broken, on top of the asked-for ECGs."""
    seconds = np.clip(rng.normal(11.5, 3, len(second)), 6, 22) * 3600
    days = second["recorded_at"].to_numpy().astype("datetime64[D]").astype("datetime64[s]")
    return pd.DataFrame(
        {
            "ecg_id": _numbers(len(second), 10, rng),
            "patient": second["patient"],
            "recorded_at": days + seconds.astype(int).astype("timedelta64[s]"),
            "broken": np.full(len(second), None, dtype=object),
            "copy_of": -1,
        }
    )


def _numbers(n: int, digits: int, rng: np.random.Generator) -> np.ndarray:
    """n different numbers as hospitals give them, in no order: text of this many digits, the first not zero."""
    low = 10 ** (digits - 1)
    drawn = np.unique(rng.integers(low, 10 * low, 2 * n + 100))
    return rng.permutation(drawn)[:n].astype(str).astype(object)


def _stem(ecg_id: str) -> str:
    """Path of a recording relative to the export, without suffix."""
    return f"records/{ecg_id[-2:]}/{ecg_id}"


def _write(export: Path, ecg_id: str, signal: np.ndarray, kind: str | None, rng: np.random.Generator) -> None:
    folder = (export / _stem(ecg_id)).parent
    folder.mkdir(parents=True, exist_ok=True)
    if kind in BROKEN_SIGNALS:
        write_broken(folder, ecg_id, signal, SAMPLING_RATE, kind, rng)
    else:
        write_recording(folder, ecg_id, signal, SAMPLING_RATE)


def _copy(export: Path, source: str, target: str) -> None:
    """Export a recording a second time under another id."""
    stem = export / _stem(target)
    stem.parent.mkdir(parents=True, exist_ok=True)
    header = (export / f"{_stem(source)}.hea").read_text()
    stem.with_suffix(".hea").write_text(header.replace(source, target))
    stem.with_suffix(".dat").write_bytes((export / f"{_stem(source)}.dat").read_bytes())


def _write_tables(
    export: Path,
    patients: pd.DataFrame,
    ecgs: pd.DataFrame,
    statements: np.ndarray,
    second: pd.DataFrame | None,
    rng: np.random.Generator,
) -> None:
    """The four CSVs, rows in no telling order."""
    n = len(patients)

    def write(name: str, table: pd.DataFrame) -> None:
        table.iloc[rng.permutation(len(table))].to_csv(export / name, index=False)

    write(
        "ecg_index.csv",
        pd.DataFrame(
            {
                "ecg_id": ecgs["ecg_id"],
                "patient_id": patients["patient_id"].to_numpy()[ecgs["patient"]],
                "recorded_at": ecgs["recorded_at"].dt.strftime("%Y-%m-%dT%H:%M:%S"),
                "path": [f"{_stem(ecg_id)}.hea" for ecg_id in ecgs["ecg_id"]],
                "statement": statements,
                **({"device": patients["device"].to_numpy()[ecgs["patient"]]} if "device" in patients else {}),
            }
        ),
    )
    ccta = patients[["patient_id", "performed_at", *(f"grade_{vessel}" for vessel in VESSELS)]]
    if second is not None:
        again = second.assign(patient_id=patients["patient_id"].to_numpy()[second["patient"]])
        ccta = pd.concat([ccta, again[ccta.columns]], ignore_index=True)
    grades = ccta[[f"grade_{vessel}" for vessel in VESSELS]].set_axis(list(VESSELS), axis=1)
    grades = grades.mask(rng.random(grades.shape) < NOT_ASSESSABLE, "not assessable")
    write("ccta.csv", pd.concat([ccta[["patient_id", "performed_at"]], grades], axis=1))
    risks = patients[list(RISK_FACTORS)].replace({True: "yes", False: "no"}).astype(object)
    risks = risks.mask(rng.random(risks.shape) < UNRECORDED)
    sex = pd.Series(np.where(patients["male"], "male", "female"), name="sex")
    pain = patients["chest_pain"].mask(rng.random(n) < UNRECORDED)
    write("patients.csv", pd.concat([patients[["patient_id", "birth_date"]], sex, risks, pain], axis=1))
    write("follow_up.csv", patients[["patient_id", "end_date", "event_date", "event"]])


def _truth(
    simulation: Simulation,
    model: event_model.EventModel,
    oracle: np.ndarray,
    events: np.ndarray,
    follow_up_event: pd.Series,
) -> dict:
    realised = {vessel: _auc(events[:, column], oracle[:, column]) for column, vessel in enumerate(VESSELS)}
    planted = {"devices": simulation.devices.model_dump()} if simulation.devices else {}
    return planted | {
        "effect": simulation.effect,
        "oracle_auc": {
            "target": dict(zip(VESSELS, map(float, model.target_auc), strict=True)),
            "achieved": dict(zip(VESSELS, map(float, model.expected_auc), strict=True)),
            "in_these_patients": realised,
        },
        "prevalence": {
            "target": simulation.prevalence.model_dump(),
            "in_these_patients": dict(zip(VESSELS, map(float, events.mean(axis=0)), strict=True)),
        },
        "event_model": model.as_dict(),
        "planted": planted_truth(simulation.effect),
        **({"morphology": simulation.morphology} if simulation.morphology != "parametric" else {}),
        "follow_up": {
            "hazard_ratio": HAZARD_RATIOS,
            "marginal_hazard_ratio": marginal_hazard_ratios(events),
            "event_share": float((follow_up_event == "myocardial infarction").mean()),
        },
    }


def _auc(events: np.ndarray, score: np.ndarray) -> float | None:
    """Realised AUC, or None where all patients are alike."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(events, score)) if 0 < events.sum() < len(events) else None
