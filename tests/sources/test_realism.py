"""Simulated ECGs beside real ones, measured by the same instrument.

30 recordings of the PhysioNet/CinC Challenge 2021 and 45 simulated ECGs go through neurokit2's cleaning, R peaks and
wavelet delineation; the QRS duration, which that delineation overstates by half, is taken from the spatial velocity of
the mean beat. Intervals are compared with the real recordings in sinus rhythm without extrasystoles, the only
ones in which the P wave and the QT interval mean the same; QRS, amplitudes and spectra with all of them.
"""

import warnings

import neurokit2 as nk
import numpy as np
import pandas as pd
import pytest
import wfdb
from scipy.signal import welch

from ecg_ccta.sources.alterations import altered_by
from ecg_ccta.sources.heart_beats import another_day, simulate_hearts, tracings
from ecg_ccta.vessels import LEADS

INTERVALS = ["heart rate (1/min)", "PR (ms)", "QT (ms)", "QTc (ms)"]
ECTOPIC_OR_FIBRILLATING = {"284470004", "427172004", "164889003", "164890007"}
LEAD_GROUPS = {"limb": LEADS[:6], "V1-V2": LEADS[6:8], "V3-V4": LEADS[8:10], "V5-V6": LEADS[10:]}
BANDS = ((0.5, 5), (5, 15), (15, 40))
FS = 500


def qrs_milliseconds(beat):
    """From the first to the last moment at which the leads together change at a tenth of their fastest."""
    velocity = np.sqrt((np.gradient(beat, axis=1) ** 2).sum(axis=0))
    steepest = int(np.argmax(velocity))
    near = np.flatnonzero(velocity[max(0, steepest - 40) : steepest + 45] > 0.1 * velocity.max())
    return (near[-1] - near[0]) * 1000 / FS


def measured(ecg):
    """Intervals, amplitudes and spectrum of one ECG (12, samples) in mV."""
    row = {}
    frequency, power = welch(ecg, FS, nperseg=2048)
    inside = power[:, (frequency >= 0.5) & (frequency < 40)].sum(axis=1)
    for low, high in BANDS:
        share = power[:, (frequency >= low) & (frequency < high)].sum(axis=1) / inside
        row[f"power {low:g}-{high} Hz"] = np.nanmedian(share)
    lead = nk.ecg_clean(ecg[1], sampling_rate=FS)
    peaks = nk.ecg_peaks(lead, sampling_rate=FS)[1]["ECG_R_Peaks"]
    waves = nk.ecg_delineate(lead, peaks, sampling_rate=FS, method="dwt")[1]
    wave = {name: np.array(values, dtype=float) for name, values in waves.items()}
    rr = np.median(np.diff(peaks)) / FS

    def milliseconds(start, stop):
        return np.nanmedian(wave[stop] - wave[start]) * 1000 / FS

    qt = milliseconds("ECG_R_Onsets", "ECG_T_Offsets")
    row |= dict(
        zip(
            INTERVALS,
            (
                60 / rr,
                milliseconds("ECG_P_Onsets", "ECG_R_Onsets"),
                qt,
                qt / np.cbrt(rr),
            ),
            strict=True,
        )
    )
    cleaned = np.stack([nk.ecg_clean(values, sampling_rate=FS) for values in ecg])
    whole = peaks[(peaks > 60) & (peaks < ecg.shape[1] - 200)]
    qrs = np.median([cleaned[:, peak - 60 : peak + 80] for peak in whole], axis=0)
    row["QRS (ms)"] = qrs_milliseconds(qrs)
    t_wave = np.median([cleaned[:, peak + 75 : peak + 200] for peak in whole], axis=0)
    for name, leads in LEAD_GROUPS.items():
        rows = [LEADS.index(lead) for lead in leads]
        row[f"QRS, {name} (mV)"] = np.median(np.ptp(qrs[rows], axis=1))
        row[f"R, {name} (mV)"] = np.median(qrs[rows].max(axis=1))
        row[f"T, {name} (mV)"] = np.median(np.abs(t_wave[rows]).max(axis=1))
    return row


@pytest.fixture(scope="module")
def comparison(real_ecg):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # empty slices where a wave is not found
        rows, regular = [], []
        for header in sorted((real_ecg / "cinc2021").glob("*.hea")):
            record = wfdb.rdrecord(str(header.with_suffix("")))
            rows.append(measured(record.p_signal.T))
            codes = next(comment for comment in record.comments if comment.startswith("Dx"))
            regular.append(not ECTOPIC_OR_FIBRILLATING & set(codes.removeprefix("Dx: ").split(",")))
        rng = np.random.default_rng(8)
        hearts = another_day(simulate_hearts(np.clip(rng.normal(60, 10, 45), 30, 88), rng.random(45) < 0.5, rng), rng)
        ecgs = tracings(hearts, altered_by(rng.standard_normal((45, 4))), rng)
        simulated = pd.DataFrame([measured(ecg.astype(float)) for ecg in ecgs])
    real = pd.DataFrame(rows)
    real.loc[~np.array(regular), INTERVALS] = np.nan
    at = [0.1, 0.25, 0.5, 0.75, 0.9]
    table = pd.concat([real.quantile(at).T, simulated.quantile(at).T], axis=1, keys=["real", "simulated"])
    print("\n", table.round(2).to_string())
    return table


def test_simulated_medians_lie_among_the_real_ones(comparison):
    real, middle = comparison["real"], comparison["simulated"][0.5]
    outside = comparison[(middle < real[0.1]) | (middle > real[0.9])]
    assert outside.empty, outside.round(2).to_string()


def test_simulated_ranges_cover_much_of_the_real_middle_half(comparison):
    real, simulated = comparison["real"], comparison["simulated"]
    overlap = np.minimum(real[0.75], simulated[0.9]) - np.maximum(real[0.25], simulated[0.1])
    share = overlap / (real[0.75] - real[0.25])
    assert (share > 0.3).all(), share.round(2).to_string()
    assert share.median() > 0.8
