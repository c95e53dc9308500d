"""Near-duplicates among real recordings under $MMSER_CORPORA: planted copies are found, and nothing else is.

RAVDESS has each sentence twice by each actor, TESS 200 sentences by a speaker that differ in one word: the
hardest recordings to tell apart that the corpora hold. Measured over the whole sample, cleaned (1,913 clips,
180,127 pairs of one speaker): the nearest two recordings reach 0.56. Of 1,908 copies each with noise at 15 dB
the farthest has 0.83; as MP3 at a low bit rate two are under 0.65; 400 ms shorter and with noise, three.
"""

import os
from pathlib import Path

import pytest

from factories_audit import ALTERATIONS, add_noise
from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.audio.fingerprint import SAME_RECORDING, compare_fingerprints, fingerprint_waveform
from mmser.audio.io import hash_waveform, read_waveform, resample
from mmser.audio.search import find_copies
from mmser.corpora import read_clips

pytestmark = [pytest.mark.corpus, pytest.mark.slow]
NUM_RAVDESS, NUM_TESS = 180, 180  # three actors; of one TESS speaker


@pytest.fixture(scope="module")
def recordings():
    """Waveforms at 16 kHz before cleaning."""
    clips, _ = read_clips(Path(os.environ["MMSER_CORPORA"]), ("ravdess", "tess"))
    chosen = [clip for clip in clips if clip.corpus == "ravdess"][:NUM_RAVDESS]
    chosen += [clip for clip in clips if clip.corpus == "tess"][:NUM_TESS]
    return [resample(*read_waveform(clip.path)) for clip in chosen]


@pytest.fixture(scope="module")
def cleaned(recordings):
    """Each sound once, cleaned."""
    waveforms = [clean_waveform(waveform, 16_000, CleaningSettings()) for waveform in recordings]
    return list({hash_waveform(waveform): waveform for waveform in waveforms}.values())


@pytest.fixture(scope="module")
def prints(cleaned):
    return [fingerprint_waveform(waveform) for waveform in cleaned]


def test_no_two_recordings_come_near_to_being_one(prints):
    pairs = [(i, j) for i in range(len(prints)) for j in range(max(0, i - 60), i)]
    nearest = max(compare_fingerprints(prints[i], prints[j]) for i, j in pairs)
    assert 0.3 < nearest < SAME_RECORDING


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_altered_copies_of_cleaned_clips_are_found_and_nothing_else(cleaned, prints, alteration):
    copies = [fingerprint_waveform(ALTERATIONS[alteration](waveform)) for waveform in cleaned]
    _check(prints, copies, at_least=0.98)


@pytest.mark.parametrize("snr_db", [25, 15])
def test_copies_with_noise_that_were_cleaned_too_are_found(recordings, cleaned, prints, snr_db):
    # the louder noise moves every cut that silence removal makes
    chosen = recordings[::6]
    own = [hash_waveform(clean_waveform(waveform, 16_000, CleaningSettings())) for waveform in chosen]
    order = {hash_waveform(waveform): number for number, waveform in enumerate(cleaned)}
    noisy = [add_noise(waveform, snr_db, seed) for seed, waveform in enumerate(chosen)]
    copies = [fingerprint_waveform(clean_waveform(each, 16_000, CleaningSettings())) for each in noisy]
    _check([prints[order[sha256]] for sha256 in own], copies, at_least=0.98)


def _check(originals, copies, at_least):
    count = len(originals)
    matches = find_copies([originals, copies], [range(count), range(count, 2 * count)])
    pairs = {(match.first[1], match.second[1]) for match in matches}
    assert pairs <= {(number, number) for number in range(count)}
    assert len(pairs) >= at_least * count
