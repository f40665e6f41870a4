"""What a network must be fed: the preprocessing contract that travels with its weights, and its last step."""

from torch import Tensor

from ecg_ccta.errors import StudyError
from ecg_ccta.vessels import LEADS, SAMPLES, SAMPLING_RATE

PREPROCESSING = {
    "leads": list(LEADS),
    "sampling_rate": SAMPLING_RATE,
    "samples": SAMPLES,
    "filters": [
        "notch 50 Hz, Q 30, zero phase",
        "Butterworth order 4, 0.67-40 Hz, zero phase",
        "minus running median of 201 samples, zero-padded",
    ],
    "stored_as": "int16 microvolts",
    "standardised": "one mean and one population standard deviation over all leads of an ECG",
}
"""ECGFounder's preprocessing, as signals.cleaning and `standardise` carry it out."""


def require_preprocessing(contract: object, origin: str) -> None:
    """Raise a StudyError naming what differs where weights were made for another preprocessing."""
    if not isinstance(contract, dict):
        raise StudyError(f"{origin}: no preprocessing contract; weights without one cannot be used safely")
    keys = [key for key in PREPROCESSING | contract if contract.get(key) != PREPROCESSING.get(key)]
    if keys:
        differences = "; ".join(f"{k}: {contract.get(k)!r} instead of {PREPROCESSING.get(k)!r}" for k in keys)
        raise StudyError(f"{origin}: these weights were made for another preprocessing ({differences})")


def standardise(microvolts: Tensor) -> Tensor:
    """Stored ECGs (ECGs, 12, samples) int16 to the network's float32 input, z-scored per ECG over all leads.

    The epsilon is ECGFounder's 1e-8 mV. Two plain passes take a third of the time of torch.std_mean on CPU.
    """
    x = microvolts.float()
    x = x - x.mean((1, 2), keepdim=True)
    deviation = x.square().mean((1, 2), keepdim=True).sqrt()
    return x / (deviation + 1e-5)
