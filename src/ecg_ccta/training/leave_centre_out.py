"""Internal-external validation: each centre's ECGs predicted by a linear probe that learnt from other centres alone.

Source: Royston, Parmar and Sylvester, Stat Med 23:907-926, 2004; Steyerberg and Harrell, J Clin Epidemiol 69:245-247,
2016. Only the last layer is trained again, on the features of the foundation: as many fine-tunings as centres would
be a study of their own.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from ecg_ccta.config import Architecture, EventFrom, Recipe
from ecg_ccta.errors import StudyError
from ecg_ccta.model.checkpoints import load_foundation
from ecg_ccta.model.contracts import require_contract
from ecg_ccta.signals.store import Store
from ecg_ccta.training.criterion import make_criterion
from ecg_ccta.training.fine_tuning import grades, targets
from ecg_ccta.training.inner_validation import predict
from ecg_ccta.training.parallel import device_here
from ecg_ccta.training.probe import choose_probe
from ecg_ccta.training.splits import split_patients
from ecg_ccta.training.temperature import fit_temperature, prevalence_logit
from ecg_ccta.vessels import VESSELS

log = logging.getLogger(__name__)

_SEVERE = EventFrom()

INNER_PARTS = 10
"""One of so many parts of the training patients chooses the penalty and the temperature, as in a fold's training."""


def centre_of(cohort: pd.DataFrame) -> pd.Series:
    """The centre of each ECG (string), missing where the export does not name it or has no such column."""
    if "centre" not in cohort:
        return pd.Series(pd.NA, index=cohort.index, dtype="string")
    return cohort["centre"].astype("string")


def extract_features(foundation: Path, architecture: Architecture, store: Store, cohort: pd.DataFrame) -> pd.DataFrame:
    """Pooled features of the foundation, for the ECGs that internal-external validation needs.

    Parameters
    ----------
    foundation : checkpoint
    store : signals, in the cohort's row order

    Returns
    -------
    `tables.feature_schema`: a row per ECG of known centre; none where fewer than two centres are known.
    """
    centre = centre_of(cohort)
    rows = np.flatnonzero(centre.notna() & _are_several(centre))
    channels = architecture.filter_list[-1]
    values = np.zeros((0, channels), dtype=np.float32)
    if rows.size:
        require_contract(foundation, architecture)
        network = load_foundation(foundation, architecture, len(VESSELS)).to(device_here())
        values = predict(network.features, network, store, rows)
    found = pd.DataFrame(values, columns=[f"feature_{number}" for number in range(channels)])
    found.insert(0, "ecg_id", cohort["ecg_id"].to_numpy()[rows])
    return found


def predict_left_out_centres(
    features: pd.DataFrame, cohort: pd.DataFrame, settings: Recipe, seed: int, event_from: EventFrom = _SEVERE
) -> pd.DataFrame:
    """Predict each centre by a calibrated linear probe that saw none of its patients.

    A patient with an ECG at the centre is left out of its training with all ECGs; an ECG of unknown centre, which
    might be of any, is left out of every training. A centre without which no probe can be fitted has no predictions.

    Parameters
    ----------
    features : of `extract_features`
    cohort : `tables.COHORT`
    settings : labels, class_balance and minimum_events of the training
    event_from : the grade from which a stenosis is an event, as in the cohort's targets

    Returns
    -------
    `tables.CENTRE_PREDICTIONS`

    Raises
    ------
    StudyError
        Where features and cohort are not of the same ECGs.
    """
    centre = centre_of(cohort)
    expected = set(cohort["ecg_id"][centre.notna() & _are_several(centre)])
    if set(features["ecg_id"]) != expected:
        raise StudyError("features and cohort are not of the same ECGs. Fix: run extract_features again")
    known = features[["ecg_id"]].merge(cohort.assign(centre=centre), on="ecg_id", validate="one_to_one")
    values = features.drop(columns="ecg_id").to_numpy(dtype=np.float32)
    parts = []
    for name in sorted(known["centre"].unique()):
        here = (known["centre"] == name).to_numpy(dtype=bool)
        elsewhere = ~known["patient_id"].isin(known["patient_id"][here]).to_numpy()
        try:
            logits = _predict(
                values, known, np.flatnonzero(elsewhere), np.flatnonzero(here), settings, seed, event_from
            )
        except StudyError as error:
            log.warning("no probe without a centre of %d ECGs: %s", here.sum(), error)
            continue
        parts.append(_long(known[here], name, logits))
    return pd.concat(parts, ignore_index=True) if parts else _long(known[:0], "", np.zeros((0, len(VESSELS))))


def _are_several(centre: pd.Series) -> bool:
    return len(centre.dropna().unique()) > 1


def _predict(
    features: np.ndarray,
    cohort: pd.DataFrame,
    train: np.ndarray,
    test: np.ndarray,
    settings: Recipe,
    seed: int,
    event_from: EventFrom,
) -> np.ndarray:
    """Calibrated logits (test ECGs, vessels) by a probe of the training ECGs."""
    labels = targets(cohort)
    train = train[~np.isnan(labels[train]).all(axis=1)]
    if not len(train) or not np.nansum(labels[train]):
        raise StudyError("the other centres hold no event to learn from")
    splits = split_patients(cohort.iloc[train], INNER_PARTS, seed).set_index("patient_id")
    is_inner = splits.loc[cohort["patient_id"].iloc[train], "fold"].to_numpy() == 0
    rows, count = np.concatenate([train[~is_inner], train[is_inner]]), int((~is_inner).sum())
    learnt = grades(cohort) if settings.labels == "ordinal" else labels
    criterion = make_criterion(learnt[rows[:count]], settings, event_from.lowest())
    fitted, inner = rows[:count], rows[count:]
    probe = choose_probe(
        features[fitted], labels[fitted], learnt[fitted], features[inner], labels[inner], criterion,
        settings.minimum_events,
    )  # fmt: skip

    def logits(of: np.ndarray) -> np.ndarray:
        return features[of] @ probe.weight.T + probe.bias + criterion.offset.numpy()

    centre = prevalence_logit(labels[fitted])
    return centre + (logits(test) - centre) / fit_temperature(logits(inner), labels[inner], centre)


def _long(cohort: pd.DataFrame, centre: str, logits: np.ndarray) -> pd.DataFrame:
    repeated = len(VESSELS)
    return pd.DataFrame(
        {
            "ecg_id": np.repeat(cohort["ecg_id"].to_numpy(), repeated),
            "patient_id": np.repeat(cohort["patient_id"].to_numpy(), repeated),
            "vessel": np.tile(VESSELS, len(cohort)),
            "centre": centre,
            "logit": logits.astype(float).ravel(),
            "probability": expit(logits.astype(float)).ravel(),
        }
    )
