"""Published foundation weights, from the Hugging Face Hub or from a file, checked before anything uses them.

The Hub's own client downloads, into its own cache, so its variables hold: HF_HOME (where the cache is), HF_ENDPOINT (a
mirror), HF_HUB_OFFLINE (the cache alone), HF_TOKEN.
"""

import logging
import shutil
from pathlib import Path

from ecg_ccta.config import Architecture, Weights
from ecg_ccta.errors import StudyError
from ecg_ccta.files import replacing, sha256
from ecg_ccta.model.checkpoints import load_foundation
from ecg_ccta.vessels import VESSELS

log = logging.getLogger(__name__)

WITHOUT_INTERNET = (
    "On a machine without internet, copy the file there from another one and name the copy in foundation.weights.local"
)


def fetch_foundation(weights: Weights, architecture: Architecture, checkpoint: str | Path) -> None:
    """Write the published file to `checkpoint`, byte for byte and atomically.

    Raises
    ------
    StudyError
        Where the file cannot be had, is not the one that `weights.sha256` names, or does not load strictly into the
        architecture; nothing is written then.
    """
    file = obtain(weights)
    load_foundation(file, architecture, outputs=len(VESSELS))
    with replacing(checkpoint) as temporary:
        shutil.copyfile(file, temporary)
    log.info("%s of %s, %d bytes, is the pinned file", weights.file, weights.repository, file.stat().st_size)


def obtain(weights: Weights) -> Path:
    """The published file on this machine, its SHA-256 verified.

    Raises
    ------
    StudyError
        Where the file cannot be had or has another SHA-256.
    """
    file = weights.local if weights.local is not None else _download(weights)
    try:
        found = sha256(file)
    except OSError as error:
        raise StudyError(
            f"{file}: cannot be read ({error.strerror}); foundation.weights.local must name a copy of {weights.file} "
            f"of {weights.repository}"
        ) from None
    if found != weights.sha256:
        # In the cache the file is a link: only without its target is it downloaded again.
        raise StudyError(
            f"{file}: not the file that foundation.weights names: its sha256 is {found}, expected {weights.sha256}. "
            f"Delete {file.resolve()} and get it again; if it differs again, another file was published: set "
            "foundation.weights.sha256 only if you trust it"
        )
    return file


def _download(weights: Weights) -> Path:
    """The file in the Hub's cache, downloaded where it is not there."""
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import RemoteEntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    wanted = f"{weights.file} of {weights.repository} at revision {weights.revision}"
    try:
        return Path(hf_hub_download(weights.repository, weights.file, revision=weights.revision))
    except (RepositoryNotFoundError, RevisionNotFoundError, RemoteEntryNotFoundError) as error:
        raise StudyError(
            f"{constants.ENDPOINT} does not give {wanted} ({type(error).__name__}). Fix: correct "
            "repository, revision or file of foundation.weights, or set HF_TOKEN where the repository is not public"
        ) from None
    except Exception as error:  # The client lets through what its HTTP library, the disk and its own storage raise.
        cause = error.__cause__ or error
        reason = "HF_HUB_OFFLINE is set" if constants.is_offline_mode() else _first_line(cause)
        raise StudyError(
            f"{wanted} could not be downloaded from {constants.ENDPOINT} and is not in the cache "
            f"{constants.HF_HUB_CACHE} ({reason}). {WITHOUT_INTERNET}"
        ) from None


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
