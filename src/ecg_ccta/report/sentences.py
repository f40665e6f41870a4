"""One plain sentence for each result, made from the numbers of its table."""

import pandas as pd

from ecg_ccta.evaluation.probabilities import OUTCOMES
from ecg_ccta.report.formatting import count, interval, listed, number, percent
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import rows_of
from ecg_ccta.vessels import VESSELS


def held_fixed(results: ResultsFolder, site: str, intervals: str = "Intervals") -> list[str]:
    """Note of intervals that are not those of `cross_validated_auc`, where a site was predicted out of fold."""
    if site != results.study.development_site:
        return []
    return [
        f"{intervals} are conditional on the trained models: they hold the out-of-fold predictions fixed, and are too "
        "narrow for models trained on other patients."
    ]


def auc_range(found: pd.DataFrame) -> str:
    known = found[found["vessel"].isin(VESSELS) & found["estimate"].notna()].sort_values("estimate")
    short = [
        f"{row['vessel']}: {row['note']}"
        for _, row in found[found["vessel"].isin(VESSELS) & found["estimate"].isna()].iterrows()
    ]
    gaps = f" Not estimated: {'; '.join(short)}." if short else ""
    if known.empty:
        return f"No vessel could be estimated.{gaps}"
    low, high = known.iloc[0], known.iloc[-1]
    if len(known) == 1:
        return f"The AUC of {low['vessel']} is {number(low['estimate'])}.{gaps}"
    return (
        f"AUCs run from {number(low['estimate'])} ({low['vessel']}) to {number(high['estimate'])} "
        f"({high['vessel']}).{gaps}"
    )


def calibration(slopes: pd.DataFrame) -> str:
    known = slopes.dropna(subset=["estimate", "lower", "upper"])
    if known.empty:
        return "No vessel has enough events for a calibration slope."
    off = known[(known["lower"] > 1) | (known["upper"] < 1)]
    if off.empty:
        return f"The calibration slope's interval includes 1 for {listed(list(known['vessel']))}."
    kinds = [
        f"{row['vessel']} ({number(row['estimate'], 2)}, predictions too "
        f"{'extreme' if row['estimate'] < 1 else 'close to each other'})"
        for _, row in off.iterrows()
    ]
    return f"The calibration slope's interval leaves out 1 for {listed(kinds)}."


def probabilities(found: pd.DataFrame) -> str:
    medians = rows_of(found, "median").set_index(["vessel", "outcome"])["estimate"]
    known = [vessel for vessel in VESSELS if (vessel, OUTCOMES[1]) in medians]
    if not known:
        return "No vessel has enough events to compare ECGs with and without the outcome."
    parts = [
        f"{vessel} {percent(medians[vessel, OUTCOMES[1]], 1)} and {percent(medians[vessel, OUTCOMES[0]], 1)}"
        for vessel in known
    ]
    return f"Median predicted probability with and without the outcome: {'; '.join(parts)}."


def waveform(vessel: str, cells: pd.DataFrame, clusters: pd.DataFrame) -> str:
    known = cells.dropna(subset=["t"])
    if known.empty:
        return f"{vessel}: {cells['note'].iloc[0] if len(cells) else 'not analysed'}."
    clear = clusters[clusters["p_corrected"] < 0.05]
    leads = clear["lead"].nunique()
    where = (
        f"the beats differ in {count(len(clear))} stretch{'es' if len(clear) > 1 else ''} of time in {leads} "
        f"lead{'s' if leads > 1 else ''} (grey: cluster p < 0.05)"
        if leads
        else "the beats differ in no lead (no cluster with p < 0.05)"
    )
    top = known.loc[known["t"].abs().idxmax()]
    difference = interval(top["difference"], top["lower"], top["upper"])
    return (
        f"{vessel}: {where}; the region with the largest t is {top['segment']} in {top['lead']}, {difference} mV from "
        "low to high risk."
    )


def attribution(vessel: str, cells: pd.DataFrame) -> str:
    known = cells.dropna(subset=["attribution"])
    if known.empty:
        return f"{vessel}: {cells['note'].iloc[0]}."
    top = known.loc[known["attribution"].abs().idxmax()]
    return (
        f"{vessel}: most from {top['segment']} of {top['lead']}, {number(top['attribution'], 2)} of the "
        f"{number(top['rise'], 2)} logits by which {count(top['ecgs'])} ECGs exceed the mean beat."
    )


def deletion(found: pd.DataFrame) -> str:
    parts = []
    for method, rows in found[found["curve"] == "deletion"].dropna(subset=["difference"]).groupby("method", sort=False):
        of_vessels = [f"{r['vessel']} {count(r['folds_better'])} of {count(r['folds'])}" for _, r in rows.iterrows()]
        parts.append(f"{method} {listed(of_vessels)}")
    if not parts:
        return "No ECG could be attributed."
    return f"Folds in which deletion falls faster than in random order: {'; '.join(parts)}."


def randomisation(whole: pd.DataFrame) -> str:
    known = whole.dropna(subset=["correlation"])
    if known.empty:
        return "No ECG could be attributed."
    parts = [
        f"{method} {number(rows['correlation'].min(), 2)} to {number(rows['correlation'].max(), 2)}"
        for method, rows in known.groupby("method", sort=False)
    ]
    return f"With all weights re-initialised, rank correlation over vessels: {'; '.join(parts)}."


def recovered(what: str, found: pd.DataFrame) -> str:
    known = found.dropna(subset=["auroc"]).set_index("measure")
    parts = [
        f"{name} {interval(known['auroc'][name], known['lower'][name], known['upper'][name], 2)}"
        for name in ("integrated gradients", "occlusion")
        if name in known.index
    ]
    if not parts:
        return f"{what}: nothing planted, or no ECG attributed."
    return f"{what}: planted regions against all others, area under the curve by {' and by '.join(parts)}."


def planted(found: pd.DataFrame) -> str:
    known = found.dropna(subset=["waveform"])
    if known.empty:
        return "Nothing is planted, or no curves were made."
    parts = [f"{row['vessel']} {number(row['waveform'], 2)}" for _, row in known.iterrows()]
    return f"Planted regions against all others, area under the curve by waveform difference: {'; '.join(parts)}."
