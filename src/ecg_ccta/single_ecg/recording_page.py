"""One recording of any hospital, scored and explained by a finished study."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from scipy.special import logit

from ecg_ccta import tables
from ecg_ccta.attribution.integrated_gradients import logits_of
from ecg_ccta.config import Study, validated
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.stratify_risk import stratify
from ecg_ccta.files import read_json
from ecg_ccta.model.fold_models import FoldModel, load_fold
from ecg_ccta.model.inputs import standardise
from ecg_ccta.prediction.predicting import ensemble_table
from ecg_ccta.signals.recording import clean_recording
from ecg_ccta.signals.segments import AFTER_R_S, BEFORE_R_S, beat_times
from ecg_ccta.signals.store import SignalStore
from ecg_ccta.single_ecg.ecg_page import ExplainedEcg, draw_page
from ecg_ccta.single_ecg.explain_ecgs import notes, risk_rows
from ecg_ccta.single_ecg.individual import attribution_of, reference_beats
from ecg_ccta.tables import ENSEMBLE
from ecg_ccta.vessels import LEADS, VESSELS

DEMONSTRATION = "DEMONSTRATION ONLY\ntrained on simulated ECGs:\nno statement about a patient"
"""What stands across a page whose networks have seen no patient."""

FIXES = {
    "missing file": "the header (.hea) or the signal file that it names is not there; give the record's path",
    "unreadable file": "it is not a WFDB record of one segment; other formats are converted with wfdb.wrsamp",
    "missing lead": f"the header must name the 12 standard leads {', '.join(LEADS)}, in any order",
    "duplicate lead": "the header names one of the 12 standard leads twice",
    "unknown unit": "the header's units must be mV or uV",
    "too short": "the network reads 10 s; a shorter recording cannot be predicted",
}
"""What to do about a recording that cannot be used."""


def explain_recording(
    recording: Path,
    study_folder: Path,
    vessel: str | None = None,
    title: str = "12-lead ECG",
    is_demonstration: bool = False,
) -> tuple[pd.DataFrame, Figure]:
    """Score a recording by the mean of a study's folds and draw its page.

    Parameters
    ----------
    recording : WFDB record, with or without .hea; nothing of its name or header comes onto the page
    study_folder : results/<study> with config.json, models/, thresholds.json, and cohort/ and signals/ of the
        development site, whose mean beat the recording is compared with
    vessel : whose prediction is attributed; None: that of highest risk relative to its threshold, in log odds
    title : heading of the page
    is_demonstration : draw the page also where the study's networks have seen simulated ECGs alone, with words across
        it that say so

    Returns
    -------
    `ExplainedEcg.risks`, and the page

    Raises
    ------
    StudyError
        Where the vessel is unknown, the study is not finished, its networks were trained on simulated ECGs and nobody
        asked for a demonstration, or the recording would be excluded from it.
    """
    if vessel not in (None, *VESSELS):
        raise StudyError(f"--vessel {vessel}: give one of {', '.join(VESSELS)}")
    study = _study(study_folder)
    is_simulated = study.sites[study.development_site].simulation is not None
    if is_simulated and not is_demonstration:
        raise StudyError(
            f"study {study.study}: its networks were trained on simulated ECGs, and what they say of a patient means "
            "nothing. Fix: use a study of patients (--study), or ask for a page that says so with --demonstration"
        )
    found = clean_recording(recording, study.quality)
    if found.microvolts is None or found.raw_mv is None or found.source_rate is None:
        fix = FIXES.get(str(found.reason), "the study excludes such recordings (quality in the configuration)")
        raise StudyError(f"{recording}: {found.reason}: {fix}")
    models = [load_fold(study_folder / "models" / f"fold{fold}") for fold in range(study.training.folds)]
    predictions = _predictions(models, found.microvolts)
    thresholds = study.evaluation.high_risk_thresholds
    chosen = read_json(study_folder / "thresholds.json")
    scored = stratify(predictions, thresholds, chosen).assign(fold=ENSEMBLE, grade=pd.NA)
    if vessel is None:
        needed = predictions["vessel"].map(thresholds.model_dump()).astype(float)
        vessel = str(predictions["vessel"][(predictions["logit"] - logit(needed)).idxmax()])
    times = beat_times(BEFORE_R_S, AFTER_R_S)
    attribution, _ = attribution_of(models, found.microvolts, vessel, _mean_beat(study, study_folder, times), times)
    risks = risk_rows(scored, chosen)
    facts = [f"Scored by the mean of {len(models)} networks of the study “{study.title}”; coloured for {vessel}."]
    page = ExplainedEcg(
        title, facts, vessel, found.raw_mv, attribution, risks, notes(found.noisy_leads, found.source_rate)
    )
    drawn = draw_page(page)
    if is_simulated:
        drawn.text(0.5, 0.5, DEMONSTRATION, fontsize=26, color="#D55E00", alpha=0.35, rotation=30, ha="center",
                   va="center", fontweight="bold")  # fmt: skip
    return risks, drawn


def _study(folder: Path) -> Study:
    missing = [name for name in ("config.json", "thresholds.json") if not (folder / name).exists()]
    if missing:
        raise StudyError(f"{folder / missing[0]}: missing; run the study {folder.name} to its end first")
    return validated(read_json(folder / "config.json"), str(folder / "config.json"))


def _predictions(models: list[FoldModel], microvolts: np.ndarray) -> pd.DataFrame:
    inputs = standardise(torch.from_numpy(microvolts[None]))
    logits = np.mean([logits_of(model.network, inputs) / model.temperature for model in models], axis=0)
    # The one ECG needs some name; it is nobody's.
    return ensemble_table(pd.DataFrame({"ecg_id": ["ecg"], "patient_id": ["patient"]}), logits)


def _mean_beat(study: Study, folder: Path, times: np.ndarray) -> np.ndarray:
    site = study.development_site
    cohort = tables.read(tables.COHORT, folder / "cohort" / f"{site}.parquet")
    store = SignalStore(folder / "signals" / site, cohort)
    return reference_beats(cohort, np.full(len(cohort), ENSEMBLE), store.batch, times)[ENSEMBLE]
