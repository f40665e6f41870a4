"""The study's configuration: one strict tree of small models, checked before any work is planned.

`load` merges an overlay of studies/ over config.yaml and returns a `Study`. An unknown key is an error that suggests
the nearest known one; a wrong value is an error that names the key, the value and what is allowed.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from ecg_ccta.errors import StudyError
from ecg_ccta.vessels import GRADES, HIGH_RISK_THRESHOLDS, SCREENING_SPECIFICITY, VESSELS

Probability = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="lower-case letters, digits and hyphens")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Make a section that holds only these settings; to read any other raises AttributeError.

        A workflow's rule names the settings that its results depend on, so that a change of another one redoes
        nothing; code that reads one more is found at once, instead of computing with a default.
        """
        types: dict[str, Any] = {name: info.annotation for name, info in cls.model_fields.items()}
        found = {name: TypeAdapter(types[name]).validate_python(value) for name, value in settings.items()}
        section = super().model_construct(**found)
        for name in cls.model_fields.keys() - found.keys():
            section.__dict__.pop(name, None)
        return section


class PerVessel(Section):
    """One number from 0 to 1 per coronary artery."""

    RCA: Probability
    LM: Probability
    LAD: Probability
    LCX: Probability


class Devices(Section):
    """Two ECG devices of a simulated hospital, A and B; what B writes carries a signature."""

    signature: Literal["low-pass", "mains", "quantisation"] | None = Field(
        None,
        description="What B does to a tracing: a low-pass filter, mains interference, or a coarse step; null: nothing.",
    )
    size: float | None = Field(
        None, gt=0, description="Hz of the low-pass, or millivolts of the interference or of the step."
    )
    proportion: Probability = Field(0.5, description="Of the patients without stenosis, those recorded with B.")
    odds_ratio: float = Field(
        1.0, gt=0, description="Odds of B with a severe stenosis of any vessel over those without one; 1: unrelated."
    )

    @model_validator(mode="after")
    def _sized(self) -> Self:
        if (self.signature is None) != (self.size is None):
            raise ValueError("signature and size go together: give both or neither")
        return self


class Simulation(Section):
    """A simulated hospital whose truth is known."""

    patients: int = Field(gt=0, description="Patients in the export.")
    ecgs: int = Field(gt=0, description="ECGs in the export, broken ones included; at least one per patient.")
    effect: float = Field(1.0, ge=0, le=1, description="Strength of the planted effect; 0 is the negative control.")
    oracle_auc: PerVessel = Field(description="AUC of the true event probability given everything the ECG shows.")
    prevalence: PerVessel = Field(description="Proportion of patients with severe or complete stenosis.")
    broken_fraction: Probability = Field(0.03, description="Proportion of the records that are broken on purpose.")
    second_ccta: Probability = Field(
        0.0, description="Proportion of patients with a second CCTA, 200 to 700 days later, with an ECG of its own."
    )
    morphology: Literal["parametric", "learnt"] = Field(
        "parametric",
        description="Beats made of parametric waves, or those of a generating network (needs the extra `learnt`).",
    )
    devices: Devices | None = Field(None, description="null: one device, which the export does not name.")

    @model_validator(mode="after")
    def _enough_ecgs(self) -> Self:
        if self.ecgs < self.patients:
            raise ValueError("ecgs must be at least patients: every simulated patient has an ECG")
        if self.morphology == "learnt" and (self.ecgs != self.patients or self.second_ccta):
            raise ValueError(
                "morphology: learnt has one ECG per patient, because no second ECG of the same heart can be generated. "
                "Fix: set ecgs to patients, and second_ccta to 0"
            )
        return self


class Tables(Section):
    """File names of a site's tables inside its export folder; null where the hospital has none."""

    ecg_index: str = "ecg_index.csv"
    ccta: str | None = Field("ccta.csv", description="null: the site is predicted but not validated.")
    patients: str | None = "patients.csv"
    follow_up: str | None = "follow_up.csv"


class Columns(Section):
    """The hospital's own column names: project name -> name in the export. Unnamed columns keep the project's name."""

    ecg_index: dict[str, str] = Field(default_factory=dict)
    ccta: dict[str, str] = Field(default_factory=dict)
    patients: dict[str, str] = Field(default_factory=dict)
    follow_up: dict[str, str] = Field(default_factory=dict)


class Quality(Section):
    """When a recording is not usable; every limit leads to an exclusion with its reason."""

    flat_lead_millivolts: float = Field(0.02, gt=0, description="A lead with a smaller 1-99 % range is flat.")
    flat_leads_allowed: int = Field(0, ge=0, lt=12, description="Flat leads that a usable recording may have.")
    largest_millivolts: float = Field(20.0, gt=0, le=32.0, description="A larger amplitude is not an ECG.")
    limb_lead_residual: float = Field(
        0.1, gt=0, description="Largest RMS of I + III - II and its like, relative to the limb leads' RMS."
    )


class Export(Section):
    """A hospital's raw export, on disk or written by a simulation, and how it is read."""

    export: Path | None = Field(None, description="Folder of the hospital's raw export.")
    simulation: Simulation | None = None
    tables: Tables = Tables()
    columns: Columns = Columns()
    grade_words: dict[str, str] = Field(
        default_factory=lambda: {grade: grade for grade in GRADES},
        description="The hospital's word for each stenosis grade -> none, mild, moderate, severe or complete.",
    )
    missing_grade_words: list[str] = Field(
        default_factory=lambda: ["", "not assessable"], description="Words that mean a vessel has no finding."
    )
    pseudonym_key: Path | None = Field(
        None, description="File with the secret of the keyed hash; default: private/<site>.key, made when missing."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.export is None) == (self.simulation is None):
            raise ValueError(
                "give either export (a folder) or simulation, not both and not neither; an overlay that turns a "
                "simulated site into a hospital's sets simulation: null beside export"
            )
        wrong = sorted(set(self.grade_words.values()) - set(GRADES))
        if wrong:
            raise ValueError(f"grade_words maps to {', '.join(wrong)}; allowed grades are {', '.join(GRADES)}")
        return self


class Site(Export):
    """One hospital: its part in the study, and its export."""

    role: Literal["development", "external", "intermediate"]
    title: str | None = Field(None, description="Name in tables and figures; default: the site's key.")
    quality: Quality | None = Field(None, description="Replaces the study's quality limits at this site.")
    shards: int = Field(2, gt=0, description="Parts in which the recordings are cleaned, in parallel.")


Outcome = Literal["moderate", "severe", "complete"]
Exclusion = Literal["prior_infarction", "prior_pci", "prior_bypass", "pacemaker"]


class EventFrom(Section):
    """The lowest stenosis grade that counts as the outcome of each coronary artery."""

    RCA: Outcome = "severe"
    LM: Outcome = Field("severe", description="moderate: from 50 % on, as guidelines and CAD-RADS take the left main.")
    LAD: Outcome = "severe"
    LCX: Outcome = "severe"

    def grades(self, vessel: str) -> tuple[str, ...]:
        """Give the grades that count as the outcome of a vessel."""
        return GRADES[GRADES.index(getattr(self, vessel)) :]

    def lowest(self) -> list[int]:
        """Give the place among GRADES of each vessel's lowest grade that counts, in the order of VESSELS."""
        return [GRADES.index(getattr(self, vessel)) for vessel in VESSELS]


class Cohort(Section):
    """Who is included, and what counts as an event."""

    days_before_ccta: int = Field(90, ge=0, description="An ECG counts when taken at most this many days before.")
    days_after_ccta: int = Field(7, ge=0, description="... or at most this many days after the CCTA.")
    minimum_age: float = Field(18, ge=0, description="Years.")
    exclude: list[Exclusion] = Field(
        default_factory=list,
        description="Patients with any of these are left out; each is a column of the patients or the CCTA table.",
    )
    event_from: EventFrom = EventFrom()


class Architecture(Section):
    """Net1D's shape; names as in ECGFounder."""

    base_filters: int = Field(gt=0)
    ratio: float = Field(gt=0)
    filter_list: list[int]
    m_blocks_list: list[int]
    kernel_size: int = Field(gt=0)
    stride: int = Field(gt=0)
    groups_width: int = Field(gt=0)
    use_bn: bool = False
    use_do: bool = False


class Pretraining(Section):
    """Pre-training of a small foundation network on simulated ECG statements."""

    ecgs: int = Field(gt=0, description="Simulated ECGs with statements to pre-train on.")
    seed: int
    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    crop_fraction: float = Field(1.0, gt=0, le=1, description="Proportion of an ECG that a training step sees.")
    threads: int = Field(2, gt=0)


class Weights(Section):
    """Published weights, from Hugging Face or from a file."""

    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="Hugging Face repository, owner/name.")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$", description="Commit of the repository: a branch could move.")
    file: str = Field(pattern=r"^[\w-][\w./-]*\.pth$", description="File of the repository.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the file; anything else is refused.")
    local: Path | None = Field(None, description="A copy of the file, for machines without internet.")


class Foundation(Section):
    """The network that fine-tuning starts from: pre-trained here, or published weights."""

    name: Name = Field(description="Folder under results/foundation; studies with the same name share it.")
    architecture: Architecture
    pretraining: Pretraining | None = None
    weights: Weights | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.pretraining is None) == (self.weights is None):
            raise ValueError(
                "give either pretraining or weights, not both and not neither; an overlay that takes published weights "
                "sets pretraining: null beside weights"
            )
        return self


class Recipe(Section):
    """Everything of a training that decides its weights; values of the paper where it names them."""

    folds: int = Field(5, ge=2)
    method: Literal["linear-probe", "full", "gradual"] = Field(
        "full", description="What learns: the last layer, everything, or layer after layer from the last one down."
    )
    probe_start: bool = Field(
        True, description="Start the last layer as a linear probe of the features rather than at random."
    )
    unfreeze_epochs: int = Field(5, gt=0, description="gradual: epochs until the first layer learns too.")
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="Learning rate of each layer relative to that of the next one; 1: all alike."
    )
    labels: Literal["binary", "ordinal"] = Field(
        "binary", description="Learn severe-or-complete against the rest, or all five stenosis grades."
    )
    class_balance: Literal["none", "positive-weight", "logit-adjustment"] = Field(
        "none", description="How rare findings are given weight; probabilities are corrected for it afterwards."
    )
    task_weighting: Literal["equal", "uncertainty"] = Field(
        "equal", description="Weights of the vessels' losses: alike, or learnt (homoscedastic uncertainty)."
    )
    gradient_surgery: Literal["none", "pcgrad", "pcgrad-features"] = Field(
        "none", description="Conflicts between vessels: PCGrad over all parameters, or over the pooled features."
    )
    epochs: int = Field(gt=0)
    patience: int = Field(gt=0, description="Epochs without a better inner validation before stopping.")
    monitor: Literal["loss", "macro-auc", "none"] = Field(
        "loss",
        description="What makes an epoch better on the inner-validation patients; none: the last epoch is kept.",
    )
    batch_size: int = Field(gt=0, description="ECGs per step, over all processes.")
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    warmup_fraction: Probability = Field(0.1, description="Proportion of the steps with linearly rising learning rate.")
    final_learning_rate_fraction: Probability = Field(0.01, description="Where the cosine ends.")
    ema_decay: float | None = Field(
        None, gt=0, lt=1, description="Decay per step of the moving average of the weights that is kept; null: none."
    )
    keep_originals: bool = Field(
        False, description="Augmented copies beside the originals, which doubles each step, rather than instead."
    )
    crop_fraction: float = Field(
        1.0, gt=0, le=1, description="Augmentation: proportion of an ECG that a step sees, a stretch drawn each time."
    )
    shift_fraction: Probability = Field(0.1, description="Augmentation: largest circular shift, proportion of the ECG.")
    scale_range: float = Field(0.1, ge=0, lt=1, description="Augmentation: amplitude within 1 +- this.")
    noise: float = Field(0.02, ge=0, description="Augmentation: standard deviation of added noise.")
    mask_fraction: Probability = Field(0.1, description="Augmentation: longest masked stretch, proportion of the ECG.")
    minimum_events: int = Field(
        5, gt=0, description="Inner-validation events a vessel needs to enter the macro AUC of an epoch."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="bfloat16: autocast, for GPUs that have it."
    )
    deterministic: bool = Field(True, description="The same weights from the same seed; some GPU kernels are slower.")
    compile: bool = Field(False, description="torch.compile: minutes at the start, faster steps.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.labels == "ordinal" and self.class_balance != "none":
            raise ValueError("class_balance is for binary labels; with labels: ordinal set class_balance: none")
        if self.method == "linear-probe" and not self.probe_start:
            raise ValueError("method: linear-probe is the probe alone; leave probe_start: true")
        if self.monitor == "none" and self.patience < self.epochs:
            raise ValueError("monitor: none keeps the last of all epochs; set patience to at least epochs")
        if self.keep_originals and self.crop_fraction < 1:
            raise ValueError("keep_originals shows whole ECGs beside augmented ones; set crop_fraction: 1")
        return self


class Training(Recipe):
    """Fine-tuning: its recipe, and the machine that it runs on."""

    threads: int = Field(1, gt=0, description="CPU threads of one fold's job.")
    gpus: int = Field(1, ge=0, description="GPUs per node and fold; more than one are run by torchrun. 0: CPU.")
    nodes: int = Field(1, gt=0, description="Nodes per fold; more than one need Slurm.")

    @model_validator(mode="after")
    def _gpus_for_nodes(self) -> Self:
        if self.nodes > 1 and self.gpus == 0:
            raise ValueError("several nodes are for GPUs; set gpus to at least 1 or nodes to 1")
        return self


class Intermediate(Section):
    """A labelled ECG table that the network learns before the CCTA findings (the paper: myocardial infarction).

    Its site has role: intermediate, no ccta table, and the labels as columns of its ecg_index table.
    """

    labels: list[str] = Field(min_length=1, description="Columns of the ECG index: 1 yes, 0 no, empty unknown.")
    training: Training

    @model_validator(mode="after")
    def _one_process_with_binary_labels(self) -> Self:
        if self.training.labels != "binary":
            raise ValueError("the labels of an intermediate task are yes or no; set training.labels: binary")
        if self.training.gpus * self.training.nodes > 1:
            raise ValueError("the intermediate task is trained by one process; set training.gpus and nodes to 1")
        return self


class RandomStart(Section):
    """The same training from random weights, to show what the foundation is worth."""

    epochs: int | None = Field(None, gt=0, description="null: as many as from the foundation.")
    learning_rate: float | None = Field(None, gt=0, description="null: that of the training from the foundation.")


class LearningCurve(Section):
    """Trainings on fewer patients, all evaluated on the patients of the first fold: would more patients help?"""

    patients: dict[Annotated[int, Field(ge=20)], Annotated[int, Field(gt=0)]] = Field(
        min_length=2,
        description="Patients to train on -> trainings with so many, each on patients of its own. Beside their own "
        "chance the intervals hold that of which patients were trained on, where a number has two trainings or more.",
    )
    target: float = Field(
        0.95, gt=0, lt=1, description="Proportion of a planted effect for which the patients needed are read off."
    )


class Instability(Section):
    """The model developed again on development patients drawn with replacement, to see how far predictions move."""

    redevelopments: int = Field(200, ge=20, description="Times that the linear probe is fitted again.")
    networks: int = Field(
        3, ge=0, description="Times that the networks of all folds are fine-tuned again, with other seeds; 0: not."
    )


class Abstention(Section):
    """Conformal prediction sets: the model gives no answer, or two, where it is not certain enough."""

    level: float = Field(0.9, gt=0.5, lt=1, description="Proportion of patients whose set is to hold what CCTA finds.")


class Robustness(Section):
    """Recordings perturbed as they are in practice, cleaned and predicted again."""

    patients: int = Field(300, gt=0, description="Patients per site, one ECG of each, drawn at random.")
    events: int = Field(
        40, gt=0, description="Patients with a stenosis per vessel; further ones are drawn for the rarer vessels."
    )


class Shortcut(Section):
    """Can a network's features tell where or with what an ECG was recorded, and does its AUC rest on that?"""

    column: Literal["device", "centre"] = Field("device", description="Column of the ECG index that names the origin.")


class TargetWidth(Section):
    """Interval widths that the sample size is planned for; defaults of Riley et al., Stat Med 40:4230, 2021."""

    auc: float = Field(0.1, gt=0, lt=1, description="Width of the AUC's interval.")
    slope: float = Field(0.2, gt=0, description="Width of the calibration slope's interval.")


class Evaluation(Section):
    level: float = Field(0.95, gt=0, lt=1, description="Level of every interval.")
    bootstrap_replicates: int = Field(1000, gt=0)
    minimum_events: int = Field(10, gt=0, description="A cell with fewer events or non-events says so.")
    high_risk_thresholds: PerVessel = PerVessel(**HIGH_RISK_THRESHOLDS)
    rule_out_sensitivity: float = Field(
        0.9, gt=0, le=1, description="Low risk lies below the highest threshold with this sensitivity."
    )
    rule_in_specificity: float = Field(
        0.9, gt=0, le=1, description="High risk begins at the lowest threshold with this specificity."
    )
    screening_specificity: PerVessel = Field(
        PerVessel(**SCREENING_SPECIFICITY), description="Of the opportunistic-screening point."
    )
    target_width: TargetWidth = TargetWidth()
    normal_ecg: Literal["statement", "snomed", "measured"] = Field(
        "statement",
        description="What makes an ECG clinically normal: the words of its statement, the SNOMED CT codes in its "
        "place, or its measured rate, intervals, axis, ST and T.",
    )
    normal_codes: list[Annotated[str, Field(pattern=r"^\d+$")]] = Field(
        ["426783006"],
        min_length=1,
        description="snomed: the codes a normal ECG may have; 426783006 is sinus rhythm, 426177001 sinus bradycardia, "
        "427084000 sinus tachycardia.",
    )
    age_cut: float = Field(65, gt=0, description="Years; splits the age subgroups.")
    interval_cut_days: float = Field(7, ge=0, description="Days between ECG and CCTA; splits the interval subgroups.")
    calibration_groups: int = Field(20, ge=2, description="Groups of equal size by predicted probability.")


class Sensitivity(Section):
    """The main analysis under other choices of ECGs, outcome and patients, and each centre left out in turn."""

    windows_days: list[Annotated[int, Field(gt=0)]] = Field(
        [7, 30, 90], description="Days between ECG and CCTA, either way, within which an analysis takes the ECGs."
    )


class Fairness(Section):
    """Calibration, and accuracy at the thresholds, by sex, age group and centre."""

    age_cuts: list[Annotated[float, Field(gt=0)]] = Field(
        [50, 65], min_length=1, description="Years at which age groups begin, in rising order."
    )

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if sorted(set(self.age_cuts)) != self.age_cuts:
            raise ValueError("age_cuts must rise from each to the next")
        return self


class FollowUp(Section):
    landmark_days: int = Field(28, ge=0, description="Events up to this day do not count; follow-up starts here.")
    horizon_days: int = Field(700, gt=0)
    reading_days: list[Annotated[int, Field(gt=0)]] = [30, 100, 200, 300]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.horizon_days <= self.landmark_days:
            raise ValueError(
                f"horizon_days ({self.horizon_days}) must be later than landmark_days ({self.landmark_days})"
            )
        beyond = [day for day in self.reading_days if day > self.horizon_days]
        if beyond:
            raise ValueError(f"reading_days {beyond[0]} is beyond horizon_days ({self.horizon_days})")
        return self


class Explanation(Section):
    attributed_ecgs: int = Field(64, gt=0, description="Highest-risk ECGs per fold and vessel that are attributed.")
    batch_size: int = Field(64, gt=0, description="ECGs that a network sees at once while it is explained.")
    explained_ecgs: list[Annotated[str, Field(pattern=r"^[0-9a-f]{20}$")]] = Field(
        default_factory=list,
        description="ECGs, by pseudonym, that are explained one by one; none: chosen by `explained_per_outcome`.",
    )
    explained_per_outcome: int = Field(
        1, ge=0, description="ECGs per vessel that are explained: true and false positives and negatives, each so many."
    )


class Study(Section):
    """A whole study."""

    study: Name
    title: str
    seed: int = Field(ge=0)
    negative_control: Path | None = Field(
        None, description="Overlay of a second study with planted effect 0, run and reported with this one."
    )
    sites: dict[Name, Site]
    cohort: Cohort = Cohort()
    quality: Quality = Quality()
    foundation: Foundation
    intermediate: Intermediate | None = None
    training: Training
    random_start: RandomStart | None = None
    learning_curve: LearningCurve | None = None
    sensitivity: Sensitivity | None = None
    fairness: Fairness | None = None
    instability: Instability | None = None
    abstention: Abstention | None = None
    robustness: Robustness | None = None
    shortcut: Shortcut | None = None
    evaluation: Evaluation = Evaluation()
    follow_up: FollowUp = FollowUp()
    explanation: Explanation = Explanation()

    @model_validator(mode="after")
    def _one_development_site(self) -> Study:
        development = [name for name, site in self.sites.items() if site.role == "development"]
        if len(development) != 1:
            raise ValueError(
                f"exactly one site must have role: development, found {len(development)} ({', '.join(development)})"
            )
        if self.sites[development[0]].tables.ccta is None:
            raise ValueError(f"development site {development[0]} has no ccta table, so nothing could be learnt")
        return self

    @model_validator(mode="after")
    def _exposure_before_follow_up(self) -> Study:
        # An ECG that is taken after follow-up began would sort patients by what happened since.
        if self.follow_up.landmark_days < self.cohort.days_after_ccta:
            raise ValueError(
                f"follow_up.landmark_days ({self.follow_up.landmark_days}) must be at least cohort.days_after_ccta "
                f"({self.cohort.days_after_ccta}): risk groups come from ECGs up to then"
            )
        return self

    @model_validator(mode="after")
    def _one_intermediate_site(self) -> Study:
        sites = [name for name, site in self.sites.items() if site.role == "intermediate"]
        if len(sites) != (self.intermediate is not None):
            raise ValueError(
                "an intermediate section and exactly one site with role: intermediate go together; found "
                f"{len(sites)} such sites and {'an' if self.intermediate else 'no'} intermediate section"
            )
        if sites and self.sites[sites[0]].tables.ccta is not None:
            raise ValueError(
                f"intermediate site {sites[0]} has a ccta table, which no stage would read; set "
                f"sites.{sites[0]}.tables.ccta: null"
            )
        return self

    @property
    def development_site(self) -> str:
        return next(name for name, site in self.sites.items() if site.role == "development")

    @property
    def intermediate_site(self) -> str | None:
        return next((name for name, site in self.sites.items() if site.role == "intermediate"), None)

    @property
    def external_sites(self) -> list[str]:
        return [name for name, site in self.sites.items() if site.role == "external"]


def merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """`base` with `overlay` laid over it, mappings merged key by key, anything else replaced.

    A key set to null in the overlay under `sites` removes that site. These are the rules by which Snakemake merges its
    config files, so that `snakemake --configfile` and `load` come to the same study.
    """
    merged = dict(base)
    for key, value in overlay.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    if isinstance(merged.get("sites"), dict):
        merged["sites"] = {name: site for name, site in merged["sites"].items() if site is not None}
    return merged


def read_yaml(path: str | Path) -> dict[str, Any]:
    """A YAML mapping.

    Raises
    ------
    StudyError
        Where the file is missing or unreadable, is not YAML in UTF-8 or is not a mapping.
    """
    path = Path(path)
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{path}: no such config file") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(value, dict):
        raise StudyError(f"{path}: a config is a mapping of keys to values")
    return value


def validated(values: dict[str, Any], origin: str = "config") -> Study:
    """The checked study.

    Raises
    ------
    StudyError
        One message with a line per fault: the key, what is wrong, and for an unknown key the nearest known one.
    """
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        lines = [_explain(fault) for fault in error.errors()]
        raise StudyError(f"{origin} is not a valid study:\n" + "\n".join(f"  - {line}" for line in lines)) from None


def load(overlay: str | Path | None = None, base: str | Path = "config.yaml") -> Study:
    """The study of `base` with the overlay file laid over it."""
    values = read_yaml(base)
    if overlay is not None:
        values = merge(values, read_yaml(overlay))
    return validated(values, str(overlay or base))


def load_overlaid(values: dict[str, Any], overlay: str | Path) -> Study:
    """A companion of the study of `values`: the overlay laid over it, with only the sites that the overlay names.

    A hospital added to a study is thus not run in its negative control as well.
    """
    over = read_yaml(overlay)
    named = over.get("sites") or {}
    sites = {name: site for name, site in values["sites"].items() if name in named}
    study = validated(merge({**values, "sites": sites}, over), str(overlay))
    if study.study == values.get("study"):
        raise StudyError(f"{overlay}: study is {study.study}, as in the study it is laid over; name it differently")
    shared = study.foundation.name == values["foundation"]["name"]
    if shared and study.foundation != Foundation.model_validate(values["foundation"]):
        raise StudyError(
            f"{overlay}: foundation.name is {study.foundation.name}, as in the study it is laid over, with other "
            "settings; give it another name"
        )
    return study


def studies_or_exit(values: dict[str, Any], *folders: Path) -> tuple[Study, Study | None]:
    """Check the study of Snakemake's merged `values` and its negative control.

    For a Snakefile: a faulty configuration ends the process with the message and without a traceback.

    Parameters
    ----------
    folders : where the control's overlay is looked for, one after the other
    """
    try:
        study = validated(merge(values, {}))
        control = study.negative_control
        if control is None:
            return study, None
        places = [folder / control for folder in folders]
        return study, load_overlaid(values, next((place for place in places if place.exists()), places[-1]))
    except StudyError as error:
        print(f"\n{error}\n", file=sys.stderr)
        raise SystemExit(1) from None


def _explain(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = _known_keys(fault["loc"][:-1])
        near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
        return f"{where}: unknown key; {hint}"
    message = fault["msg"].removeprefix("Value error, ")
    value = fault.get("input")
    shown = f" (found {value!r})" if isinstance(value, str | int | float | bool) else ""
    return f"{where or 'study'}: {message}{shown}"


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    """Names of the fields at a place of the tree."""
    model: Any = Study
    for part in location:
        if isinstance(model, type) and issubclass(model, BaseModel) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation)
        elif model is not None and not isinstance(model, type):
            model = None
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else list(VESSELS)


def _model_in(annotation: Any) -> Any:
    """The model inside `Model`, `Model | None` or `dict[str, Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
