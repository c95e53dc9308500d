import hashlib
import subprocess
import sys
from collections import Counter

import espeakng_loader
import numpy as np
import pytest
import soundfile
import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from transformers import AutoFeatureExtractor, AutoModel, AutoTokenizer

from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.audio.io import read_waveform
from mmser.corpora import read_clips
from mmser.demo import write_demo_corpora, write_demo_towers
from mmser.demo.layouts import Studio
from mmser.demo.synthesis import NEUTRAL, PROSODY, Prosody, Synthesizer, Voice, color_voice, intensify
from mmser.errors import SettingsError, UnknownNameError
from mmser.labels import get_scheme

SCHEME = get_scheme("paper7")
VOICE = Voice("en-us+f2", "female")
LINE = "Kids are talking by the door"


@pytest.fixture(scope="module")
def tess(tmp_path_factory):
    root = tmp_path_factory.mktemp("spoken")
    write_demo_corpora(root, corpora=["tess"])
    return root


@pytest.fixture(scope="module")
def unspoken(tmp_path_factory):
    """All five corpora with everything but speech: each take is noise of its own."""

    def record(self, line, voice, emotion, intensity=1.0):
        return self.takes.standard_normal(2000).astype(np.float32) / 10

    root = tmp_path_factory.mktemp("unspoken")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Studio, "record", record)
        counts = write_demo_corpora(root)
    return root, counts


def hash_folder(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def measure_pitch_hz(waveform, rate_hz):
    """Median over voiced frames of the strongest period between 60 and 500 Hz."""
    pitches = []
    for start in range(0, len(waveform) - 1024, 512):
        frame = waveform[start : start + 1024] * np.hanning(1024)
        spectrum = np.abs(np.fft.rfft(frame, 2048)) ** 2
        correlation = np.fft.irfft(spectrum)
        shortest, longest = rate_hz // 500, rate_hz // 60
        period = shortest + int(correlation[shortest:longest].argmax())
        if correlation[period] > 0.5 * correlation[0] > 0.05:
            pitches.append(rate_hz / period)
    return float(np.median(pitches))


def test_the_readers_find_every_clip_that_was_written(unspoken):
    root, counts = unspoken
    clips, missing = read_clips(root)
    assert missing == ()
    assert Counter(clip.corpus for clip in clips) == counts


def test_every_corpus_has_its_published_classes_and_enough_speakers_for_five_folds(unspoken):
    clips, _ = read_clips(unspoken[0])
    speakers = {name: {clip.speaker for clip in clips if clip.corpus == name} for name in unspoken[1]}
    classes = {name: {clip.emotion for clip in clips if clip.corpus == name} for name in unspoken[1]}
    assert {name: len(found) for name, found in speakers.items()} == {
        "cremad": 10,
        "iemocap": 10,
        "ravdess": 10,
        "savee": 4,
        "tess": 2,
    }
    acted = {"angry", "disgust", "fearful", "happy", "neutral", "sad"}
    assert classes["cremad"] == acted
    assert classes["savee"] == classes["tess"] == acted | {"surprised"}
    assert classes["ravdess"] == acted | {"surprised", "calm"}
    assert {"angry", "happy", "sad", "excited", "frustrated", "undecided"} <= classes["iemocap"]


def test_each_speaker_says_the_same_sentences_under_each_class(unspoken):
    clips, _ = read_clips(unspoken[0], ["cremad", "ravdess", "tess"])
    said: dict[str, dict[str, set[str]]] = {}
    for clip in clips:
        if clip.emotion != "neutral":
            said.setdefault(clip.speaker, {}).setdefault(clip.emotion, set()).add(clip.reference)
    assert all(len(set(map(frozenset, by_class.values()))) == 1 for by_class in said.values())


def test_rates_are_the_published_ones(unspoken):
    root, _ = unspoken
    rates = {
        folder: {soundfile.info(path).samplerate for path in (root / folder).rglob("*.wav")}
        for folder in ("RAVDESS", "CREMA-D", "TESS", "SAVEE", "IEMOCAP")
    }
    assert rates == {
        "RAVDESS": {48_000},
        "CREMA-D": {16_000},
        "TESS": {24_414},
        "SAVEE": {44_100},
        "IEMOCAP": {16_000},
    }


def test_ravdess_has_its_stereo_clip_and_its_twins(unspoken):
    folder = unspoken[0] / "RAVDESS"
    stereo = [path.name for path in folder.rglob("*.wav") if soundfile.info(path).channels == 2]
    assert stereo == ["03-01-02-01-02-02-05.wav"]
    hashes = Counter(hash_folder(folder).values())
    assert sorted(hashes.values())[-2:] == [1, 2]
    twins = [folder / "Actor_07" / f"03-01-03-01-02-{repetition}-07.wav" for repetition in ("01", "02")]
    assert twins[0].read_bytes() == twins[1].read_bytes()


def test_iemocap_files_follow_the_published_format(unspoken):
    session = unspoken[0] / "IEMOCAP" / "Session1"
    labels = (session / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt").read_text().split("\n\n")
    texts = (session / "dialog" / "transcriptions" / "Ses01F_impro01.txt").read_text().splitlines()
    assert labels[0] == "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]"
    time, name, code, values = labels[1].splitlines()[0].split("\t")
    assert time.startswith("[5.0000 - ")
    assert (session / "sentences" / "wav" / "Ses01F_impro01" / f"{name}.wav").is_file()
    assert len(code) == 3
    assert values == "[2.5000, 2.5000, 2.5000]"
    assert texts[0].startswith(f"{name} [005.0000-0")
    assert len(texts) == len(labels) - 2  # header, and nothing after the last blank line


def test_words_alone_tell_little_of_the_emotion(unspoken):
    # As the protocol splits: the first fifth of a corpus's speakers tests, the last three fifths train.
    clips, _ = read_clips(unspoken[0])
    rows = [(clip, SCHEME.relabel(clip.emotion)) for clip in clips if SCHEME.relabel(clip.emotion)]
    block = {}
    for corpus in unspoken[1]:
        speakers = sorted({clip.speaker for clip in clips if clip.corpus == corpus})
        block |= {speaker: place * 5 // len(speakers) for place, speaker in enumerate(speakers)}
    train = [(clip.reference, label) for clip, label in rows if block[clip.speaker] > 1]
    test = [(clip.reference, label) for clip, label in rows if block[clip.speaker] == 0]
    words = CountVectorizer().fit([text for text, _ in train])
    model = LogisticRegression(max_iter=2000, class_weight="balanced")
    model.fit(words.transform([text for text, _ in train]), [label for _, label in train])
    guessed = model.predict(words.transform([text for text, _ in test]))
    assert 100 * balanced_accuracy_score([label for _, label in test], guessed) < 35


def test_the_same_seed_speaks_the_same_bytes_and_another_does_not(tess, tmp_path):
    write_demo_corpora(tmp_path / "again", corpora=["tess"])
    write_demo_corpora(tmp_path / "other", corpora=["tess"], seed=1)
    first, again, other = (hash_folder(root) for root in (tess, tmp_path / "again", tmp_path / "other"))
    assert first == again
    assert first.keys() == other.keys()
    assert not set(first.values()) & set(other.values())


def test_every_spoken_clip_outlasts_the_cut_of_silence(tess):
    # TESS has the shortest lines; clips below one second would be dropped.
    settings = CleaningSettings(denoise=False)
    durations_s = [
        len(clean_waveform(*read_waveform(path), settings)) / 16_000 for path in tess.rglob("*.wav")
    ]
    assert len(durations_s) == 100
    assert min(durations_s) > settings.min_duration_s


def test_a_corpus_that_the_demo_does_not_have_is_named(tmp_path):
    with pytest.raises(UnknownNameError, match=r"demo corpus 'tes'.*Did you mean 'tess'"):
        write_demo_corpora(tmp_path, corpora=["tes"])


def test_without_the_synthesizer_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(SettingsError, match=r'pip install "mmser\[demo\]"'):
        write_demo_corpora(tmp_path)


def test_a_synthesizer_without_its_voices_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: str(tmp_path))
    with pytest.raises(SettingsError, match="does not start with the voices in"):
        Synthesizer()


def test_an_unknown_voice_is_refused():
    with Synthesizer() as synthesizer, pytest.raises(SettingsError, match="no voice 'xx-yy'"):
        synthesizer.speak(LINE, Voice("xx-yy", "male"), NEUTRAL)


def test_pitch_and_rate_of_the_prosody_are_heard():
    with Synthesizer() as synthesizer:
        plain, high, fast = (
            synthesizer.speak(LINE, VOICE, prosody)
            for prosody in (NEUTRAL, Prosody(pitch=25), Prosody(rate=1.5))
        )
        rate_hz = synthesizer.rate_hz
    assert measure_pitch_hz(high, rate_hz) > 1.2 * measure_pitch_hz(plain, rate_hz)
    assert len(fast) < 0.8 * len(plain)


def test_intensity_moves_from_neutral_to_beyond_the_emotion():
    sad = PROSODY["sad"]
    assert intensify(sad, 0.0) == NEUTRAL
    assert intensify(sad, 1.0).pitch == pytest.approx(sad.pitch)
    # rate 0.75: a quarter below neutral, so 1.2 times as far is 0.7
    assert intensify(sad, 1.2).rate == pytest.approx(0.70)
    assert intensify(PROSODY["fearful"], 0.5).tremor_hz == PROSODY["fearful"].tremor_hz


def test_a_tilt_of_six_db_doubles_each_octave():
    # 500 Hz lies one octave below 1 kHz, 2 kHz one above: 12 dB apart after the tilt, a factor of 3.98.
    time_s = np.arange(8000) / 8000
    tones = np.sin(2 * np.pi * 500 * time_s) + np.sin(2 * np.pi * 2000 * time_s)
    tilted = color_voice(tones, 8000, Prosody(tilt_db=6.0), np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(tilted))
    assert spectrum[2000] / spectrum[500] == pytest.approx(10 ** (12 / 20), rel=1e-4)


def test_a_tremor_swings_the_level_at_its_frequency():
    # 10 Hz, moved by at most a quarter from take to take.
    steady = np.sin(2 * np.pi * 400 * np.arange(16_000) / 8000)
    trembling = color_voice(steady, 8000, Prosody(tremor=0.8, tremor_hz=10.0), np.random.default_rng(0))
    envelope = np.abs(trembling).reshape(-1, 20).max(axis=1)
    swing_hz = np.abs(np.fft.rfft(envelope - envelope.mean())).argmax() / 2  # of two seconds
    assert 8.0 <= swing_hz <= 12.5
    assert envelope.min() < 0.3 < 0.9 < envelope.max()


def test_a_glide_raises_the_end_and_shortens_it():
    # The last third speeds up linearly to 1.5: its length becomes ln(1.5) / 0.5 = 0.811 of what it was.
    steady = np.sin(2 * np.pi * 200 * np.arange(24_000) / 8000)
    risen = color_voice(steady, 8000, Prosody(glide=0.5), np.random.default_rng(0))
    assert len(risen) == pytest.approx(16_000 + 8_000 * np.log(1.5) / 0.5, abs=3)
    crossings = np.flatnonzero(np.diff(np.sign(risen)) > 0)
    assert 8000 / np.diff(crossings[:20]).mean() == pytest.approx(200, rel=0.01)
    assert 8000 / np.diff(crossings[-20:]).mean() == pytest.approx(300, rel=0.05)


def test_breath_and_pressure_change_the_voice_and_keep_the_peak_at_one():
    steady = 0.3 * np.sin(2 * np.pi * 200 * np.arange(8000) / 8000)
    plain, pressed, breathy = (
        color_voice(steady, 8000, prosody, np.random.default_rng(0))
        for prosody in (NEUTRAL, Prosody(drive=6.0), Prosody(breath=0.5))
    )
    assert [np.abs(voice).max() for voice in (plain, pressed, breathy)] == pytest.approx([1.0, 1.0, 1.0])
    # a sine has a mean square of one half; pressed hard it nears a square wave's one
    assert np.square(plain).mean() == pytest.approx(0.5, abs=0.01)
    assert np.square(pressed).mean() > 0.75
    spectrum = np.abs(np.fft.rfft(breathy))
    assert np.delete(spectrum, 200).mean() > 100 * np.delete(np.abs(np.fft.rfft(plain)), 200).mean()


def test_the_towers_load_by_their_auto_classes_and_depend_on_the_seed(tmp_path):
    state = torch.random.get_rng_state()
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        write_demo_towers(tmp_path / name, seed=seed)
    assert torch.equal(state, torch.random.get_rng_state())
    first, again, other = (
        (tmp_path / name / "hubert" / "model.safetensors").read_bytes()
        for name in ("first", "again", "other")
    )
    assert first == again != other
    extractor = AutoFeatureExtractor.from_pretrained(tmp_path / "first" / "hubert")
    hubert = AutoModel.from_pretrained(tmp_path / "first" / "hubert")
    features = extractor([np.ones(32_000)], sampling_rate=16_000, return_tensors="pt")
    # 32,000 samples at one frame each 320, less what the kernels overhang: 1999, 398, 198, 98
    assert hubert(**features).last_hidden_state.shape == (1, 98, 96)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "first" / "bert")
    bert = AutoModel.from_pretrained(tmp_path / "first" / "bert")
    assert bert(**tokenizer([LINE], return_tensors="pt")).last_hidden_state.shape == (1, 8, 32)


def test_the_tokenizer_knows_the_words_of_the_demo_and_spells_others(tmp_path):
    write_demo_towers(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "bert")
    assert tokenizer.tokenize("Don't forget a jacket.") == ["don", "'", "t", "forget", "a", "jacket", "."]
    assert tokenizer.tokenize("Zorg") == ["z", "##o", "##r", "##g"]


def test_importing_the_demo_loads_neither_torch_nor_transformers():
    code = "import sys, mmser.demo; print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
