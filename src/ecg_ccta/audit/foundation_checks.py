"""Had the weights that a training started from seen an analysed patient?

A checkpoint says nothing of the ECGs that made it. What can be checked is that every training started from the weights
whose contract lies on disk, and what that contract says of their making.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ecg_ccta.audit.checks import BLIND, AuditedSite, Check

FROM_RANDOM = "random_"
"""Beginning of the folders of trainings from random weights, which have no foundation."""


def foundation_checks(
    models: Mapping[str, Mapping[str, Any]],
    foundation: Mapping[str, Any],
    intermediate: Mapping[str, Any] | None,
    analysed: Sequence[AuditedSite],
) -> list[Check]:
    """Check what weights each training started from, and whether their origin rules out the analysed patients.

    Parameters
    ----------
    models : folder -> content of model.json
    foundation, intermediate : contracts of the foundation and, where the study has one, of the intermediate task
    analysed : development and external sites
    """
    start = foundation if intermediate is None else intermediate
    other = [
        f"{folder} (weights {str(model.get('foundation_sha256'))[:12]})"
        for folder, model in models.items()
        if model.get("foundation_sha256") != (None if folder.startswith(FROM_RANDOM) else start.get("sha256"))
    ]
    if intermediate is not None and intermediate.get("foundation_sha256") != foundation.get("sha256"):
        other.append(f"the intermediate task (weights {str(intermediate.get('foundation_sha256'))[:12]})")
    compared = f"{len(models)} models with the contract of their start"
    return [
        Check(
            "training that started from other weights",
            compared,
            len(models),
            "models",
            other,
            "SHA-256 of the weights that each training started from",
            "delete these models and run finetune again",
        ),
        _origin(foundation, sum(len(site.cohort) for site in analysed)),
    ]


def _origin(foundation: Mapping[str, Any], ecgs: int) -> Check:
    findings, note = [], ""
    if "source" in foundation:
        note = f"{BLIND}published weights do not name the recordings that they were trained on"
    elif "statements" not in foundation:
        findings = ["the foundation's contract names neither a published source nor a simulated corpus"]
    return Check(
        "analysed recording in the foundation's training",
        "the foundation's contract and all analysed sites",
        ecgs,
        "ECGs",
        findings,
        "origin of the weights: a corpus simulated for pre-training alone, which holds no recording of a site",
        "start from a foundation of known origin (docs/training.md)",
        note,
    )
