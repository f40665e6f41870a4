"""Who has which stenosis in a simulated hospital, and the oracle that no reading of the ECG can beat.

A vessel's latent liability is L = a + b e + c(age, sex) + r(risk factors) + logistic noise, with e the expression that
the ECG shows. Severe or complete stenosis means L > 0, so its probability is the logistic function of the rest. The
oracle is that probability given e, age and sex, the risk factors summed out exactly; a and b are solved so that the
prevalence and the oracle's AUC are those asked for. A generated ECG shows neither age nor sex (`morphology: learnt`):
there the oracle is the probability given e alone.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm, qmc

from ecg_ccta.config import Simulation
from ecg_ccta.errors import StudyError
from ecg_ccta.tables import CHEST_PAIN, RISK_FACTORS
from ecg_ccta.vessels import EVENT_GRADES, GRADES, VESSELS

CORRELATION = 0.3
"""Between the expressions of any two vessels: atherosclerosis is a disease of the whole tree."""

AGE_MEAN, AGE_DEVIATION, AGE_RANGE = 60.0, 10.0, (30.0, 88.0)
AGE_COEFFICIENT, MALE_COEFFICIENT = 0.10, 0.15
"""Log odds per ten years, and of men against women."""

# Prevalence of each risk factor: intercept, per ten years above 60, men; then its log odds of stenosis.
RISKS = {
    "hypertension": (-0.2, 0.50, 0.10, 0.25),
    "diabetes": (-1.6, 0.30, 0.00, 0.40),
    "dyslipidaemia": (-0.5, 0.15, 0.10, 0.30),
    "smoking": (-2.0, -0.20, 1.50, 0.30),
    "typical chest pain": (-1.6, 0.15, 0.20, 0.80),
}
OTHER_CHEST_PAIN = (0.20, 0.35, 0.45)
"""Proportions of none, nonanginal and atypical among patients without typical chest pain."""

GRADE_SHARES = {"none": 0.55, "mild": 0.28, "moderate": 0.17, "severe": 0.75, "complete": 0.25}
"""Proportions of the grades among patients without an event (first three) and with one (last two)."""

_COMBINATIONS = np.array(list(itertools.product((0, 1), repeat=len(RISKS))), dtype=float)
_POPULATION = 2**12
_QUANTILES = 40
"""Ages, equally likely, over which the oracle of an ECG that does not show the age is averaged."""
STEEPEST = 15.0
"""Largest log odds per unit of expression that is tried."""


@dataclass(frozen=True)
class EventModel:
    """One hospital's solved model; arrays over the four vessels."""

    effect: float
    shows_age_and_sex: bool
    intercept: np.ndarray
    slope: np.ndarray
    cuts: np.ndarray  # (4 vessels, 4): liability at which each grade above none begins
    target_auc: np.ndarray
    expected_auc: np.ndarray

    def background(self, age: np.ndarray, male: np.ndarray) -> np.ndarray:
        """(n,) the part of the liability that age and sex bring."""
        return self.effect * (AGE_COEFFICIENT * (age - AGE_MEAN) / 10 + MALE_COEFFICIENT * (male - 0.5))

    def oracle(
        self, expression: np.ndarray, age: np.ndarray, male: np.ndarray, event_from: str = EVENT_GRADES[0]
    ) -> np.ndarray:
        """(n, 4) probability of a stenosis of this grade or more, given everything that the ECG shows.

        Rounded: equal probabilities must be exactly equal, or rounding would order them.
        """
        if self.shows_age_and_sex:
            return self._probability(expression, age, male, event_from).round(12)
        # The mean over ages and sexes, which are independent of the expression.
        ages = _age((np.arange(_QUANTILES) + 0.5) / _QUANTILES)
        means = [
            self._probability(expression, np.full(len(expression), years), np.full(len(expression), sex), event_from)
            for years in ages
            for sex in (False, True)
        ]
        return np.mean(means, axis=0).round(12)

    def _probability(
        self, expression: np.ndarray, age: np.ndarray, male: np.ndarray, event_from: str = EVENT_GRADES[0]
    ) -> np.ndarray:
        """(n, 4) probability of a stenosis of this grade or more, given expression, age and sex."""
        linear = self.intercept + self.slope * expression + self.background(age, male)[:, None]
        linear = linear - self.cuts[:, GRADES.index(event_from) - 1]
        weights, risk = _combination_weights(age, male), self.effect * (_COMBINATIONS @ _log_odds())
        probability = np.zeros_like(linear)
        for combination, shift in enumerate(risk):
            probability += weights[:, combination, None] * expit(linear + shift)
        return probability

    def liability(
        self, expression: np.ndarray, age: np.ndarray, male: np.ndarray, risks: np.ndarray, noise: np.ndarray
    ) -> np.ndarray:
        """(n, 4) latent liability of patients with these risk factors (n, 5) and standard logistic noise (n, 4)."""
        shared = self.background(age, male) + self.effect * (risks @ _log_odds())
        return self.intercept + self.slope * expression + shared[:, None] + noise

    def grades(self, liability: np.ndarray) -> np.ndarray:
        """(n, 4) grade words."""
        level = (liability[:, :, None] > self.cuts).sum(axis=2)
        return np.array(GRADES, dtype=object)[level]

    def as_dict(self) -> dict:
        """Coefficients and AUCs as plain numbers."""

        def per_vessel(values: np.ndarray) -> dict[str, float]:
            return {vessel: float(value) for vessel, value in zip(VESSELS, values, strict=True)}

        return {
            "intercept": per_vessel(self.intercept),
            "expression": per_vessel(self.slope),
            "age_per_ten_years": self.effect * AGE_COEFFICIENT,
            "male": self.effect * MALE_COEFFICIENT,
            **{name.replace(" ", "_"): self.effect * risk[3] for name, risk in RISKS.items()},
            "grade_cuts": {
                vessel: dict(zip(GRADES[1:], map(float, cuts), strict=True))
                for vessel, cuts in zip(VESSELS, self.cuts, strict=True)
            },
            "expression_correlation": CORRELATION,
        }


def oracle_column(vessel: str, event_from: str) -> str:
    """Name the column of the truth that holds the oracle's probability of a stenosis of this grade or more.

    Examples
    --------
    >>> oracle_column("LM", "severe"), oracle_column("LM", "moderate")
    ('oracle_LM', 'oracle_LM_moderate')
    """
    return f"oracle_{vessel}" if event_from == EVENT_GRADES[0] else f"oracle_{vessel}_{event_from}"


def simulate_patients(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n patients: age in years, male, the risk factors and chest pain; all independent of the expressions."""
    age = _age(rng.random(n))
    male = rng.random(n) < 0.5
    risks = rng.random((n, len(RISKS))) < _risk_probabilities(age, male)
    typical = risks[:, -1]
    pain = rng.choice(np.array(CHEST_PAIN[:3], dtype=object), n, p=OTHER_CHEST_PAIN)
    return pd.DataFrame(
        {
            "age": age,
            "male": male,
            **{name: risks[:, column] for column, name in enumerate(RISK_FACTORS)},
            "chest_pain": np.where(typical, CHEST_PAIN[3], pain),
        }
    )


def risk_matrix(patients: pd.DataFrame) -> np.ndarray:
    """(n, 5) the risk factors of `simulate_patients` in the order of `RISKS`."""
    return np.column_stack([*(patients[name] for name in RISK_FACTORS), patients["chest_pain"] == "typical"]).astype(
        float
    )


def simulate_expressions(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, 4) standard normal expressions, equally correlated between vessels."""
    shared = rng.standard_normal((n, 1))
    return np.sqrt(CORRELATION) * shared + np.sqrt(1 - CORRELATION) * rng.standard_normal((n, len(VESSELS)))


def solve(simulation: Simulation) -> EventModel:
    """The model with the simulation's prevalences and oracle AUCs, both scaled by its effect.

    The population integral is a quasi-Monte Carlo sum over expression, age and sex with constants for seeds, so the
    same configuration always has the same solution.

    Raises
    ------
    StudyError
        Where an oracle AUC is below what age and sex alone give, or 1.
    """
    points = qmc.Sobol(3, seed=20251205).random(_POPULATION)
    expression, age, male = norm.ppf(points[:, 0]), _age(points[:, 1]), points[:, 2] < 0.5
    weights = _combination_weights(age, male)
    effect = simulation.effect
    shows_age_and_sex = simulation.morphology == "parametric"
    risk = effect * (_COMBINATIONS @ _log_odds())
    background = effect * (AGE_COEFFICIENT * (age - AGE_MEAN) / 10 + MALE_COEFFICIENT * (male - 0.5))

    def probability(intercept: float, slope: float) -> np.ndarray:
        linear = intercept + slope * expression + background
        return (weights * expit(linear[:, None] + risk)).sum(axis=1)

    def intercept_for(prevalence: float, slope: float) -> float:
        return brentq(lambda a: probability(a, slope).mean() - prevalence, -100, 100, xtol=1e-4)

    def auc(probability: np.ndarray) -> float:
        # The probability given the expression alone rises with it, so its AUC is the expression's own.
        return expected_auc(probability) if shows_age_and_sex else expected_auc(probability, expression)

    intercepts, slopes, targets, achieved, cuts = [], [], [], [], []
    noise = logit(np.clip(qmc.Sobol(1, seed=20251206).random(_POPULATION)[:, 0], 1e-9, 1 - 1e-9))
    picked = (np.random.default_rng(20251207).random((_POPULATION, 1)) > weights.cumsum(axis=1)).sum(axis=1)
    noise = np.random.default_rng(20251208).permutation(noise)
    for vessel in VESSELS:
        prevalence = getattr(simulation.prevalence, vessel)
        target = 0.5 + effect * (getattr(simulation.oracle_auc, vessel) - 0.5)
        if not 0 < prevalence < 1:
            raise StudyError(f"simulation.prevalence.{vessel} is {prevalence}; it must lie between 0 and 1")

        def gap(slope: float, prevalence=prevalence, target=target) -> float:
            return auc(probability(intercept_for(prevalence, slope), slope)) - target

        if effect == 0:
            slope = 0.0
        elif gap(0.0) >= 0 or gap(STEEPEST) <= 0:
            lowest, highest = gap(0.0) + target, gap(STEEPEST) + target
            raise StudyError(
                f"simulation.oracle_auc.{vessel} cannot be reached: with effect {effect} it must lie between "
                f"{0.5 + (lowest - 0.5) / effect:.3f} (age and sex alone) and {0.5 + (highest - 0.5) / effect:.3f}"
            )
        else:
            slope = brentq(gap, 0.0, STEEPEST, xtol=1e-3)
        intercept = intercept_for(prevalence, slope)
        liability = intercept + slope * expression + background + risk[np.minimum(picked, len(risk) - 1)] + noise
        intercepts.append(intercept)
        slopes.append(slope)
        targets.append(target)
        achieved.append(auc(probability(intercept, slope)))
        cuts.append(_grade_cuts(liability))
    return EventModel(effect, shows_age_and_sex, *map(np.array, (intercepts, slopes, cuts, targets, achieved)))


def expected_auc(probability: np.ndarray, score: np.ndarray | None = None) -> float:
    """AUC of a score, expected over the events that true probabilities could bring about; ties count one half.

    Without a score it is that of the probabilities themselves.
    """
    _, inverse = np.unique(probability if score is None else score, return_inverse=True)
    events = np.bincount(inverse, probability)
    others = np.bincount(inverse, 1 - probability)
    below = np.cumsum(others) - others
    return float((events * (below + 0.5 * others)).sum() / (events.sum() * others.sum()))


def _grade_cuts(liability: np.ndarray) -> np.ndarray:
    """Liabilities at which mild, moderate, severe (always 0) and complete begin."""
    shares = np.array([GRADE_SHARES["none"], GRADE_SHARES["none"] + GRADE_SHARES["mild"]])
    mild, moderate = np.quantile(liability[liability <= 0], shares)
    complete = np.quantile(liability[liability > 0], GRADE_SHARES["severe"])
    return np.array([mild, moderate, 0.0, complete])


def _age(uniform: np.ndarray) -> np.ndarray:
    return np.clip(norm.ppf(uniform, AGE_MEAN, AGE_DEVIATION), *AGE_RANGE)


def _log_odds() -> np.ndarray:
    return np.array([risk[3] for risk in RISKS.values()])


def _risk_probabilities(age: np.ndarray, male: np.ndarray) -> np.ndarray:
    """(n, 5) probability of each risk factor."""
    intercept, per_decade, of_men, _ = np.array(list(RISKS.values())).T
    return expit(intercept + per_decade * ((age - AGE_MEAN) / 10)[:, None] + of_men * male[:, None])


def _combination_weights(age: np.ndarray, male: np.ndarray) -> np.ndarray:
    """(n, 32) probability of every combination of risk factors."""
    present = _risk_probabilities(age, male)[:, None]
    return np.where(_COMBINATIONS == 1, present, 1 - present).prod(axis=2)
