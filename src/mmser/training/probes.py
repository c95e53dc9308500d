"""Look for shortcuts in a corpus.  corpus folder -> what can be told without listening to the emotion

A model that is scored on emotion may have learnt something else that goes along with it: which sentence is
read, which corpus or speaker it is, how a recording was made. A probe reads one such thing alone and is
judged on the split that models are judged on. Fixed scripts are the usual trap: a text tower can tell the
corpus by them, and with it the emotions that this corpus holds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import datasets
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_union
from sklearn.preprocessing import OneHotEncoder

from mmser.curation.schema import load_corpus, read_corpus_json
from mmser.errors import SettingsError, UnknownNameError
from mmser.training.feature_cache import compute_features
from mmser.training.probe_states import AudioStates, TextStates
from mmser.training.probe_tasks import ProbeResult, ProbeTask, measure_probe

_SOUND = "paper94"  # of mmser.training.feature_cache.FEATURES
_HELD_OUT_SHARE = 0.2  # of a speaker's recordings, for the probes that need clips of speakers they know
_SPLITS = ("train", "test")
_COLUMNS = ("id", "label", "corpus", "speaker", "gender", "transcript", "reference", "duration_s")
_COPY_COLUMNS = ("source_id", "augmentation")
_SENTENCES, _TRANSCRIPTS = "sentences", "Whisper"
_WORD_OR_MARK = r"\w+|[^\w\s]"
HELD_OUT = "held-out training clips"

Pair = tuple[Any, Any]


@dataclass(frozen=True)
class ProbeSettings:
    """What is probed, and how.

    Attributes:
        kinds: names of ``PROBES``.
        audio_encoder: name or folder of a speech encoder whose states are probed beside the plain features.
        text_encoder: name or folder of a text encoder whose states are probed beside the n-grams.
        cache_dir: where features and states are kept; None for mmser's own.
        num_proc: processes that compute features; None for one a core.
        seed: of the bootstrap, and of the clips that are held out.
    """

    kinds: Sequence[str] = ("text", "corpus", "speaker", "silence")
    audio_encoder: str | None = None
    text_encoder: str | None = None
    cache_dir: Path | None = None
    num_proc: int | None = None
    seed: int = 0

    def check(self) -> None:
        """Look at every value before the work begins.

        Raises:
            UnknownNameError: no probe has a name.
            SettingsError: a number that cannot be used.
        """
        for kind in self.kinds:
            if kind not in PROBES:
                raise UnknownNameError("kind of probe", kind, PROBES)
        if self.num_proc is not None and self.num_proc < 1:
            raise SettingsError(f"--num-proc {self.num_proc}: expected 1 or more processes.")
        if self.seed < 0:
            raise SettingsError(f"--seed {self.seed}: expected a number from 0.")


def run_probes(folder: Path, settings: ProbeSettings) -> list[ProbeResult]:
    """Run the shortcut probes on a corpus: fitted on train, judged on test, or on held-out clips of train.

    Args:
        folder: a corpus folder that ``mmser build`` wrote.
        settings: which probes, and how.

    Returns:
        A result a probe, in the order of ``settings.kinds``; one that cannot be had says why.

    Raises:
        UnknownNameError: no probe has a name.
        SettingsError: clips have several classes, or a number cannot be used.
        DatasetFormatError: the folder is no corpus.
        CheckpointError: an encoder cannot be read.
    """
    settings.check()
    probed = _Probed(folder, settings)
    tasks = (task for kind in dict.fromkeys(settings.kinds) for task in PROBES[kind](probed))
    return [measure_probe(task, seed=settings.seed) for task in tasks]


class _Probed:
    """A corpus with what several probes read of it, each computed once."""

    def __init__(self, folder: Path, settings: ProbeSettings):
        self.settings = settings
        self.rows: Mapping[str, datasets.Dataset] = load_corpus(folder)
        self.classes = self.rows["train"].features["label"].names
        # Where texts come from: "whisper", "reference" or "none".
        self.text_source = read_corpus_json(folder)["settings"]["transcripts"]["source"]
        self.clips = {split: self._describe(split, folder) for split in _SPLITS}
        # Before the work begins: an encoder that cannot be read should not cost minutes.
        self.audio_states = (
            AudioStates(settings.audio_encoder, self.classes, settings.cache_dir)
            if settings.audio_encoder
            else None
        )
        self.text_states = TextStates(settings.text_encoder) if settings.text_encoder else None

    def _describe(self, split: str, folder: Path) -> pd.DataFrame:
        clips = self.rows[split].select_columns([*_COLUMNS, *_COPY_COLUMNS]).to_pandas()
        if clips["label"].isna().any():
            raise SettingsError(
                f"{folder}: clips have several classes, and a probe tells one. Build a scheme of single "
                "labels."
            )
        clips["emotion"] = [self.classes[label] for label in clips["label"]]
        texts = ["transcript", "reference", "gender"]
        clips[texts] = clips[texts].fillna("").apply(lambda column: column.str.strip())
        return clips

    def pair(self, column: str) -> tuple[np.ndarray, np.ndarray]:
        """A column of the training clips, and of the test clips."""
        return self.clips["train"][column].to_numpy(), self.clips["test"][column].to_numpy()

    def features(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Hand-made features of both splits."""
        train, test = (
            compute_features(
                self.rows[split],
                name,
                cache_dir=self.settings.cache_dir,
                num_proc=self.settings.num_proc,
            )
            for split in _SPLITS
        )
        return train, test

    @cached_property
    def sounds(self) -> dict[str, Pair]:
        """What tells how a clip sounds, in words -> features of both splits."""
        found: dict[str, Pair] = {f"sound ({_SOUND})": self.features(_SOUND)}
        if self.audio_states is not None:
            train, test = (self.audio_states.embed(self.rows[split]) for split in _SPLITS)
            found[f"sound ({_short(self.settings.audio_encoder)})"] = (train, test)
        return found

    def texts(self, train: np.ndarray, test: np.ndarray) -> Iterator[tuple[str, Pair]]:
        """What makes numbers of texts, in words, and the numbers: n-grams, and states of the text encoder."""
        yield "", _count_ngrams(train, test)
        if self.text_states is not None:
            states = self.text_states.embed(train), self.text_states.embed(test)
            yield f" ({_short(self.settings.text_encoder)})", states

    def task(self, kind: str, reads: str, predicts: str, features: Pair) -> ProbeTask:
        """A probe that is fitted on train and judged on test."""
        targets, speakers = self.pair(predicts), self.clips["test"]["speaker"]
        return ProbeTask(kind, reads, predicts, features, targets, speakers)


def _probe_text(probed: _Probed) -> Iterator[ProbeTask]:
    """Emotion from the sentence that was read, and from what Whisper heard; and the corpus from the text."""
    with_sentence = [clips["reference"].ne("").to_numpy() for clips in probed.clips.values()]
    has_sentences = all(mask.any() for mask in with_sentence)
    heard = probed.text_source == "whisper"
    if not has_sentences and not heard:
        missing = "the corpus has neither transcripts nor reference sentences"
        yield ProbeTask("text", "texts", "emotion", missing=missing)
        return
    if has_sentences:
        yield from _probe_column(probed, "reference", _SENTENCES, with_sentence)
    if has_sentences and heard:
        yield from _probe_column(probed, "transcript", f"{_TRANSCRIPTS}, same clips", with_sentence)
    if heard and not all(mask.all() for mask in with_sentence):
        everywhere = [np.ones_like(mask) for mask in with_sentence]
        yield from _probe_column(probed, "transcript", f"{_TRANSCRIPTS}, all clips", everywhere)
    column, reads = ("transcript", _TRANSCRIPTS) if heard else ("reference", _SENTENCES)
    for name, features in probed.texts(*probed.pair(column)):
        yield probed.task("text", reads + name, "corpus", features)


def _probe_column(
    probed: _Probed, column: str, reads: str, masks: Sequence[np.ndarray]
) -> Iterator[ProbeTask]:
    """Emotion from the texts of some clips of train, and of test."""
    train, test = (clips[mask] for clips, mask in zip(probed.clips.values(), masks, strict=True))
    for name, features in probed.texts(train[column].to_numpy(), test[column].to_numpy()):
        yield ProbeTask(
            "text", reads + name, "emotion", features, (train["emotion"], test["emotion"]), test["speaker"]
        )


def _probe_corpus(probed: _Probed) -> Iterator[ProbeTask]:
    """Corpus from the sound, and emotion from nothing but the corpus."""
    for reads, features in probed.sounds.items():
        yield probed.task("corpus", reads, "corpus", features)
    yield probed.task("corpus", "corpus name", "emotion", _one_hot(*probed.pair("corpus")))


def _probe_speaker(probed: _Probed) -> Iterator[ProbeTask]:
    """Speaker from the sound, and emotion from nothing but the speaker, or his or her gender."""
    clips = probed.clips["train"]
    fit, judge = hold_out_recordings(clips, probed.settings.seed)
    speakers, emotions = clips["speaker"].to_numpy(), clips["emotion"].to_numpy()

    def task(reads: str, predicts: str, features: Pair, targets: np.ndarray) -> ProbeTask:
        pair = targets[fit], targets[judge]
        return ProbeTask("speaker", reads, predicts, features, pair, speakers[judge], HELD_OUT)

    for reads, (train, _) in probed.sounds.items():
        yield task(reads, "speaker", (train[fit], train[judge]), speakers)
    yield task("speaker name", "emotion", _one_hot(speakers[fit], speakers[judge]), emotions)
    genders = probed.pair("gender")
    if len({*genders[0]} - {""}) < 2:
        missing = "the training clips are not of two genders that are known"
        yield ProbeTask("speaker", "speaker gender", "emotion", missing=missing)
    else:
        yield probed.task("speaker", "speaker gender", "emotion", _one_hot(*genders))


def _probe_silence(probed: _Probed) -> Iterator[ProbeTask]:
    """Emotion from how long a clip is, and from what is not speech; corpus from what is not speech."""
    train, test = probed.pair("duration_s")
    # The square tells classes of middle length; around the mean, or it would say what the duration says.
    durations = [np.stack([each, (each - train.mean()) ** 2], axis=1) for each in (train, test)]
    yield probed.task("silence", "duration", "emotion", (durations[0], durations[1]))
    silences = probed.features("silence")
    yield probed.task("silence", "quiet frames", "emotion", silences)
    yield probed.task("silence", "quiet frames", "corpus", silences)


PROBES: Mapping[str, Callable[[_Probed], Iterator[ProbeTask]]] = MappingProxyType(
    {"text": _probe_text, "corpus": _probe_corpus, "speaker": _probe_speaker, "silence": _probe_silence}
)


def _count_ngrams(train: np.ndarray, test: np.ndarray) -> tuple[csr_matrix, csr_matrix]:
    """Words, pairs of words and up to five letters; Whisper's punctuation too, for text towers read it."""
    if not any(train):
        return csr_matrix((len(train), 1)), csr_matrix((len(test), 1))
    counter = make_union(
        TfidfVectorizer(token_pattern=_WORD_OR_MARK, ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    )
    return counter.fit_transform(train), counter.transform(test)


def _one_hot(train: np.ndarray, test: np.ndarray) -> Pair:
    """A column for each name in train; all 0 for other names."""
    encoder = OneHotEncoder(handle_unknown="ignore")
    return encoder.fit_transform(train[:, None]), encoder.transform(test[:, None])


def hold_out_recordings(clips: pd.DataFrame, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Hold out a fifth of each speaker's recordings, but at least one where there are two.

    Args:
        clips: columns speaker, source_id and augmentation, one row a clip.
        seed: of the draw.

    Returns:
        Which clips to learn from, and which to judge on, two masks (N,). Copies of what is held out are in
        neither.
    """
    rng = np.random.default_rng(seed)
    held: set[str] = set()
    for _, recordings in clips.groupby("speaker")["source_id"]:
        sources = sorted(set(recordings))
        number = max(1, round(_HELD_OUT_SHARE * len(sources))) if len(sources) > 1 else 0
        held.update(rng.choice(sources, number, replace=False))
    is_held = clips["source_id"].isin(held).to_numpy()
    return ~is_held, is_held & clips["augmentation"].eq("").to_numpy()


def _short(source: str | None) -> str:
    """An encoder's name without the folders above it."""
    return Path(source or "").name
