"""Predicting coronary CT angiography findings from the resting ECG: a reproducible, auditable study."""

__version__ = "0.2.0"
