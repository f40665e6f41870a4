"""Labels of the corpus can be read from its tracings."""

import neurokit2 as nk
import numpy as np
import pytest

from ecg_ccta.sources import statement_corpus
from ecg_ccta.sources.alterations import PATTERNS
from ecg_ccta.sources.statement_corpus import STATEMENTS, simulate_corpus
from ecg_ccta.vessels import LEADS


@pytest.fixture(scope="module")
def corpus():
    chunks = list(simulate_corpus(512, 1))
    return np.concatenate([signals for signals, _ in chunks]), np.concatenate([labels for _, labels in chunks])


def shown(corpus, name):
    return corpus[1][:, STATEMENTS.index(name)] == 1


def test_shapes_and_types(corpus):
    signals, labels = corpus
    assert signals.shape == (512, 12, 5000)
    assert signals.dtype == np.float32
    assert labels.shape == (512, len(STATEMENTS))
    assert labels.dtype == np.int8
    assert 20 <= len(STATEMENTS) == len(set(STATEMENTS)) <= 150


def test_every_statement_occurs_and_none_always(corpus):
    share = corpus[1].mean(axis=0)
    assert share.min() > 0.004, dict(zip(STATEMENTS, share.round(3), strict=True))
    assert share.max() < 0.5


def test_shorter_corpus_is_the_beginning_of_a_longer_one(corpus):
    signals, labels = next(iter(simulate_corpus(10, 1)))
    np.testing.assert_array_equal(signals, corpus[0][:10])
    np.testing.assert_array_equal(labels, corpus[1][:10])
    assert sum(len(labels) for _, labels in simulate_corpus(300, 1)) == 300


def test_rate_statements_fit_the_beats(corpus):
    rates = []
    for ecg in corpus[0][:120]:
        # V4, where a change of the QRS complex hides R the least.
        peaks = nk.ecg_peaks(nk.ecg_clean(ecg[9], sampling_rate=500), sampling_rate=500)[1]["ECG_R_Peaks"]
        rates.append(60 * 500 / np.median(np.diff(peaks)))
    rates = np.array(rates)
    slow, fast = (shown(corpus, f"sinus {name}")[:120] for name in ("bradycardia", "tachycardia"))
    assert np.median(rates[slow]) < 60
    assert np.median(rates[fast]) > 100
    assert ((rates > 58) & (rates < 102))[~slow & ~fast & ~shown(corpus, "atrial fibrillation")[:120]].mean() > 0.9


def test_fibrillation_is_irregular(corpus):
    irregular = {True: [], False: []}
    for ecg, fibrillating in zip(corpus[0], shown(corpus, "atrial fibrillation"), strict=True):
        if len(irregular[bool(fibrillating)]) < 15:
            peaks = nk.ecg_peaks(nk.ecg_clean(ecg[1], sampling_rate=500), sampling_rate=500)[1]["ECG_R_Peaks"]
            spaces = np.diff(peaks)
            irregular[bool(fibrillating)].append(spaces.std() / spaces.mean())
    assert np.median(irregular[True]) > 2 * np.median(irregular[False])


def test_voltage_statement_fits_the_voltages(corpus):
    high = shown(corpus, "LV hypertrophy by voltage")
    spread = np.ptp(corpus[0][:, [LEADS.index("V5"), LEADS.index("V6")]], axis=2).max(axis=1)
    assert np.median(spread[high]) > 1.3 * np.median(spread[~high])


def test_the_hospitals_patterns_are_a_small_part_of_the_corpuss_changes():
    changes = statement_corpus._varied_changes(np.random.default_rng(1)).reshape(statement_corpus.BLOCK, -1)
    for pattern in PATTERNS.reshape(len(PATTERNS), -1):
        along = changes @ pattern / np.linalg.norm(pattern)
        assert (along**2).sum() < 0.25 * (changes**2).sum()
