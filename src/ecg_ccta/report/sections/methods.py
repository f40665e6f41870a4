"""The methods, in words made from the configuration that was run."""

from ecg_ccta.attribution.constants import INTEGRATION_STEPS
from ecg_ccta.config import EventFrom, Intermediate, Study
from ecg_ccta.report.blocks import Section, Text
from ecg_ccta.report.formatting import count, listed, percent
from ecg_ccta.report.outcome import cut, outcome
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.signals.segments import AFTER_R_S, BEFORE_R_S
from ecg_ccta.tables import EXCLUSIONS
from ecg_ccta.vessels import VESSEL_NAMES, VESSELS

ORDER = 190


def methods(results: ResultsFolder) -> Section:
    """One paragraph per stage, in the study's order, each behind its subject."""
    study = results.study
    name = study.intermediate_site
    paragraphs = [
        _sites(study),
        _population(study),
        _signals(study),
        _network(study),
        *([_intermediate(study.intermediate, results.title(name))] if study.intermediate and name else []),
        _training(study),
        _evaluation(study),
        _risk_groups(study),
    ]
    if any(site.tables.follow_up is not None and site.tables.ccta is not None for site in study.sites.values()):
        paragraphs.append(_follow_up(study))
    paragraphs.append(_explanation(study))
    parts = [paragraph.split(". ", 1) for paragraph in paragraphs]
    return Section("methods", "Methods", [Text(text, lead=lead) for lead, text in parts])


def _sites(study: Study) -> str:
    parts = []
    for name, site in study.sites.items():
        role = "develops and validates the model out of fold" if site.role == "development" else "validates it"
        if site.tables.ccta is None:
            role = "is predicted; it has no CCTA findings"
        if site.role == "intermediate":
            role = "is used for the intermediate task alone"
        source = "simulated with known truth" if site.simulation else "a raw export of the hospital"
        if site.simulation and site.simulation.morphology == "learnt":
            source += ", its beats from a network that generates normal ECGs (deepfake-ecg)"
        parts.append(f"{site.title or name}: {source}; {role}.")
    return "Sites. " + " ".join(parts)


def _population(study: Study) -> str:
    cohort = study.cohort
    reasons = [EXCLUSIONS[name] for name in cohort.exclude]
    excluded = f", and without {listed(reasons)}" if reasons else ""
    event = outcome(cohort.event_from)
    event += f" ({cut(cohort.event_from)})" if cohort.event_from == EventFrom() else ""
    return (
        f"Population. ECGs of patients aged {cohort.minimum_age:g} years or more, taken at most "
        f"{cohort.days_before_ccta} "
        f"days before or {cohort.days_after_ccta} days after a coronary CT angiography{excluded}. An event is "
        f"{event} of the "
        f"{listed([f'{VESSEL_NAMES[vessel]} ({vessel})' for vessel in VESSELS])}, each vessel on its own. A "
        "vessel without "
        "a finding is missing for that vessel: it neither trains nor validates, and it never counts as healthy."
    )


def _signals(study: Study) -> str:
    quality = study.quality
    return (
        "Signals. 12 leads, 10 s, resampled to 500 Hz; 50 Hz notch, 0.67 to 40 Hz band-pass and subtraction of a "
        "running "
        "median, as the foundation model was trained. Excluded, with the reason in the flow: unreadable recordings, "
        f"flat leads (below {quality.flat_lead_millivolts:g} mV), amplitudes above {quality.largest_millivolts:g} "
        "mV, and "
        "limb leads that contradict each other."
    )


def _network(study: Study) -> str:
    foundation = study.foundation
    shape = foundation.architecture
    return (
        f"Network. Net1D, the architecture of ECGFounder, with {len(shape.filter_list)} stages of "
        f"{listed([str(width) for width in shape.filter_list])} filters, started from the foundation "
        f"“{foundation.name}”; four outputs, one per vessel."
    )


def _intermediate(task: Intermediate, site: str) -> str:
    return (
        f"Intermediate task. Before the CCTA findings the network learnt {listed(task.labels)} from the ECGs of "
        f"{site} (at most {task.training.epochs} epochs, learning rate "
        f"{task.training.learning_rate:g}; the best epoch by one tenth of its patients). Patients who are also in an "
        "analysed site, by pseudonym or by one and the same recording, were left out; between sites with different "
        "pseudonym keys no other overlap can be seen."
    )


def _training(study: Study) -> str:
    training = study.training
    event = outcome(study.cohort.event_from)
    learnt = {
        "binary": f"{event} against the rest (binary cross-entropy per vessel)",
        "ordinal": f"all five stenosis grades (proportional odds; the logit is that of a {event})",
    }[training.labels]
    start = "a linear probe of the foundation's features" if training.probe_start else "random weights"
    method = {
        "linear-probe": "Only the last layer is fitted.",
        "full": "All layers are fine-tuned.",
        "gradual": f"Layers are unfrozen from the last to the first over {training.unfreeze_epochs} epochs.",
    }[training.method]
    options = [
        {"none": "", "positive-weight": "events weighted", "logit-adjustment": "logit adjustment"}[
            training.class_balance
        ],
        "uncertainty weighting of the vessels" if training.task_weighting == "uncertainty" else "",
        {
            "none": "",
            "pcgrad": "PCGrad over all parameters",
            "pcgrad-features": "PCGrad over the pooled features",
        }[training.gradient_surgery],
        f"moving average of the weights (decay {training.ema_decay:g})" if training.ema_decay else "",
    ]
    chosen = listed([option for option in options if option])
    then = "and then held" if training.final_learning_rate_fraction == 1 else "and cosine decay"
    best = {"loss": "smallest loss", "macro-auc": "largest macro AUC"}.get(training.monitor)
    kept = (
        f"The epoch with the {best} of inner-validation patients is kept (patience {training.patience} of at most "
        f"{training.epochs} epochs), and the temperature of the calibration, about the log-odds of the prevalence, is "
        "fitted on them alone"
        if best
        else f"All {training.epochs} epochs of the schedule are run and the last is kept; the temperature of the "
        "calibration, about the log-odds of the prevalence, is fitted on inner-validation patients alone"
    )
    return (
        f"Training. Patients are split into {training.folds} folds; each fold is predicted once, by a model that "
        "used these patients neither for training nor for calibration. The network learns "
        f"{learnt}; its last layer starts as {start}. "
        f"{method} AdamW, learning rate {training.learning_rate:g} with {percent(training.warmup_fraction)} warm-up "
        f"{then}, weight decay {training.weight_decay:g}, batches of {training.batch_size}"
        f"{f', {chosen}' if chosen else ''}. {kept}. Other sites are predicted by the mean calibrated "
        "logit of all folds."
    )


def _evaluation(study: Study) -> str:
    evaluation = study.evaluation
    return (
        f"Evaluation. AUC: out of fold the mean over folds, with a {percent(evaluation.level)} interval from what each "
        "patient contributes, which allows for the folds' common training patients; at other sites that of the "
        "ensemble. Other measures pool the folds; their intervals are of a bootstrap that draws patients with all "
        f"their ECGs ({count(evaluation.bootstrap_replicates)} times) and holds the predictions fixed. Calibration by "
        "intercept, slope, smoothed curve and Brier score; net benefit; predicted probabilities by outcome. A cell "
        f"with fewer than {evaluation.minimum_events} patients with, or without, an event has no estimate and says so. "
        f"Subgroups are cut at {evaluation.age_cut:g} years and {evaluation.interval_cut_days:g} days between ECG and "
        "CCTA."
    )


def _risk_groups(study: Study) -> str:
    thresholds = study.evaluation.high_risk_thresholds.model_dump()
    by_vessel = listed([f"{vessel} {percent(value, 1)}" for vessel, value in thresholds.items()])
    evaluation = study.evaluation
    return (
        f"Risk groups. High risk from a predicted probability of {by_vessel}, constants of the "
        "configuration (15 % is the guideline's pre-test probability; that of LM is a convention). Strata: low "
        f"below the highest threshold with sensitivity {percent(evaluation.rule_out_sensitivity)}, high from the "
        f"lowest with specificity {percent(evaluation.rule_in_specificity)}, intermediate between. These, and the "
        "screening point, are chosen on out-of-fold predictions of the development site alone: for its own patients on "
        "the other folds, for other sites on all, frozen. Any vessel is judged once per patient, by the ECG nearest to "
        "the CCTA, among patients whose vessels were all judged: the log-odds of 1 − ∏(1 − p) over the vessels, "
        "recalibrated by a logistic regression (intercept and slope), with its own rule-out and rule-in thresholds."
    )


def _follow_up(study: Study) -> str:
    follow_up = study.follow_up
    return (
        "Follow-up. Day 0 is each patient's first CCTA that has an included ECG; patients are grouped by the ECG "
        "nearest to it, and ECGs of later CCTAs do not count. "
        f"Kaplan-Meier estimates from day {follow_up.landmark_days} after that CCTA (events by then do not count) "
        f"to day {follow_up.horizon_days}, read at days {listed([str(day) for day in follow_up.reading_days])}; "
        "where patients died, Aalen and Johansen's cumulative incidence beside it. Groups are compared by the log-rank "
        "test (three strata by its trend), by Cox regression, crude and adjusted for age and sex, with Grambsch and "
        "Therneau's check, by the restricted mean event-free time and, for the probability itself, by Harrell's C and "
        "by the area under the curve of events by each day (inverse probability of censoring weights, censoring taken "
        "for independent of the prediction; death competing)."
    )


def _explanation(study: Study) -> str:
    explanation = study.explanation
    return (
        f"Explanation. R peaks on the lead that others agree on most; "
        f"one median beat per ECG, {BEFORE_R_S:g} s before to "
        f"{AFTER_R_S:g} s after R, relative to the PQ level; patients averaged first; differences of "
        "high-risk against low-risk ECGs with variance clustered by patient; matched patients are compared in pairs. "
        "Attribution of the "
        f"{explanation.attributed_ecgs} ECGs of highest risk of each fold, one per patient, by the model that never "
        "saw them, against the mean beat of other folds' patients at the same R peaks: integrated gradients of each "
        f"vessel's logit ({INTEGRATION_STEPS} steps), occlusion by lead and segment, Grad-CAM over time; deletion and "
        "insertion curves against random order; rank correlation after the weights are re-initialised."
    )
