import hashlib
import hmac
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from ecg_ccta.cohort import pseudonyms as module
from ecg_ccta.cohort.pseudonyms import pseudonym, pseudonyms, site_key
from ecg_ccta.config import Site
from ecg_ccta.errors import StudyError


def test_is_a_keyed_hash_of_kind_and_value():
    expected = hmac.new(b"key", b"patient\x00Jos\xc3\xa9", hashlib.sha256).hexdigest()[:20]
    assert pseudonym(b"key", "patient", "José") == expected
    assert len({pseudonym(key, kind, "1") for key in (b"a", b"b") for kind in ("patient", "ecg")}) == 4


def test_collision_is_an_error(monkeypatch):
    monkeypatch.setattr(module, "HEX_DIGITS", 1)
    with pytest.raises(StudyError, match="same pseudonym"):
        pseudonyms(b"key", "ecg", pd.Series([str(number) for number in range(17)]))


def test_key_is_made_once_for_its_owner_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    site = Site(role="external", export=tmp_path)
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: site_key("hospital", site, 1), range(32)))
    assert len(keys) == 1
    assert len(keys.pop()) == 64
    assert os.listdir("private") == ["hospital.key"]  # noqa: PTH208
    assert stat.S_IMODE((tmp_path / "private/hospital.key").stat().st_mode) == 0o600


def test_named_key_must_be_there_and_long_enough(tmp_path):
    site = Site(role="external", export=tmp_path, pseudonym_key=tmp_path / "key")
    with pytest.raises(StudyError, match=r"cannot be read.*sites\.hospital\.pseudonym_key"):
        site_key("hospital", site, 1)
    (tmp_path / "key").write_text("short\n")
    with pytest.raises(StudyError, match="has 5 bytes"):
        site_key("hospital", site, 1)
    (tmp_path / "key").write_text("long enough for this\n")
    assert site_key("hospital", site, 1) == site_key("hospital", site, 2) == b"long enough for this"


def test_simulated_key_follows_from_seed_and_site():
    simulation = {
        "patients": 1,
        "ecgs": 1,
        "oracle_auc": {"RCA": 0.7, "LM": 0.7, "LAD": 0.7, "LCX": 0.7},
        "prevalence": {"RCA": 0.1, "LM": 0.1, "LAD": 0.1, "LCX": 0.1},
    }
    site = Site(role="external", simulation=simulation)
    assert site_key("a", site, 1) == site_key("a", site, 1)
    assert len({site_key("a", site, 1), site_key("b", site, 1), site_key("a", site, 2)}) == 3
