"""What complete corpora hold, and what is odd in them as published.  corpus -> names, rates, oddities

Read off the published files; CREMA-D's names are those of its SentenceFilenames.csv.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from mmser.corpora import cremad, iemocap, ravdess, savee, tess
from mmser.errors import MmserError

RAVDESS_ACTORS = range(1, 25)
RAVDESS_SILENT_SINGER = 18  # there are no songs of actor 18
TESS_WORDS = 200
SAVEE_CLIPS = {code: 30 if code == "n" else 15 for code in savee.EMOTIONS}
CREMAD_ACTORS = range(1001, 1092)
CREMAD_ABSENT = frozenset(
    {
        *product(("1008",), ("WSI",), cremad.EMOTIONS),
        *product(("1009",), ("MTI",), cremad.EMOTIONS),
        *product(("1019",), ("ITH",), cremad.EMOTIONS),
        ("1002", "TIE", "NEU"),
        ("1076", "ITS", "NEU"),
    }
)  # (actor, sentence, emotion) that was not published


@dataclass(frozen=True)
class PublishedNames:
    """Published names, as far as they are known; ``closed`` where no clip has another name."""

    names: frozenset[str] = frozenset()
    closed: bool = False


@dataclass(frozen=True)
class PublishedFacts:
    """What is known of a complete corpus beyond its sheet.

    Attributes:
        rate_hz: its sample rate.
        list_names: names found, and the folder that holds the corpus -> published names.
        emotion_counts: canonical emotion -> published clips, where names follow no rule.
        tables: field of a clip -> the published file that fills it.
        twins: sets of names that are published with the same bytes.
        soundless: names of clips that are published without sound.
        other_rates: name -> sample rate of clips that are published with another one.
    """

    rate_hz: int
    list_names: Callable[[Collection[str], Path], PublishedNames]
    emotion_counts: Mapping[str, int] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    twins: Collection[frozenset[str]] = ()
    soundless: Collection[str] = ()
    other_rates: Mapping[str, int] = field(default_factory=dict)


def _list_ravdess(channel: str, emotions: Collection[str], actors: Collection[int]) -> Iterator[str]:
    for emotion, actor in product(emotions, actors):
        intensities = ("01",) if emotion == "01" else ("01", "02")  # neutral is never strong
        for rest in product(intensities, ravdess.STATEMENTS, ("01", "02")):
            yield "-".join(("03", channel, emotion, *rest, f"{actor:02}"))


def _ravdess_names(*_: object) -> PublishedNames:
    names = _list_ravdess("01", ravdess.EMOTIONS, RAVDESS_ACTORS)
    return PublishedNames(frozenset(names), closed=True)


def _ravdess_song_names(*_: object) -> PublishedNames:
    singers = [actor for actor in RAVDESS_ACTORS if actor != RAVDESS_SILENT_SINGER]
    names = _list_ravdess("02", ravdess.SONG_EMOTIONS, singers)
    return PublishedNames(frozenset(names), closed=True)


def _cremad_names(*_: object) -> PublishedNames:
    names = set()
    for actor, sentence, emotion in product(map(str, CREMAD_ACTORS), cremad.SENTENCES, cremad.EMOTIONS):
        levels = ("LO", "MD", "HI") if sentence == "IEO" and emotion != "NEU" else ("XX",)
        if (actor, sentence, emotion) not in CREMAD_ABSENT:
            names |= {f"{actor}_{sentence}_{emotion}_{level}" for level in levels}
    return PublishedNames(frozenset(names), closed=True)


def _savee_names(*_: object) -> PublishedNames:
    names = (
        f"{speaker}_{code}{number:02}"
        for speaker, (code, count) in product(savee.SPEAKERS, SAVEE_CLIPS.items())
        for number in range(1, count + 1)
    )
    return PublishedNames(frozenset(names), closed=True)


def _tess_names(found: Collection[str], _: Path) -> PublishedNames:
    """Each speaker says each word in each emotion; the words are those that most of the files have."""
    counts = Counter(name.split("_")[1] for name in found)
    words = sorted(counts, key=lambda word: (-counts[word], word))[:TESS_WORDS]
    names = frozenset(map("_".join, product(set(tess.SPEAKERS.values()), words, tess.EMOTIONS)))
    return PublishedNames(names, closed=len(words) == TESS_WORDS)


def _iemocap_names(_: Collection[str], root: Path) -> PublishedNames:
    """What the label files list; none where they cannot be read, which the reader says."""
    try:
        return PublishedNames(iemocap.read_labelled_names(root))
    except MmserError:
        return PublishedNames()


PUBLISHED = {
    "cremad": PublishedFacts(
        rate_hz=16_000,
        list_names=_cremad_names,
        tables={"gender": "VideoDemographics.csv", "votes": "processedResults/tabulatedVotes.csv"},
        twins=(
            frozenset({"1006_TIE_HAP_XX", "1006_TIE_NEU_XX"}),
            frozenset({"1013_WSI_DIS_XX", "1013_WSI_SAD_XX"}),
            frozenset({"1017_IWW_ANG_XX", "1017_IWW_FEA_XX"}),
        ),
        soundless=("1076_MTI_SAD_XX",),
    ),
    "emodb": PublishedFacts(
        rate_hz=16_000,
        list_names=lambda *_: PublishedNames(),
        emotion_counts={
            "angry": 127,
            "bored": 81,
            "disgust": 46,
            "fearful": 69,
            "happy": 71,
            "neutral": 79,
            "sad": 62,
        },
    ),
    "iemocap": PublishedFacts(
        rate_hz=16_000, list_names=_iemocap_names, tables={"reference": "dialog/transcriptions"}
    ),
    "ravdess": PublishedFacts(
        rate_hz=48_000,
        list_names=_ravdess_names,
        twins=(frozenset({"03-01-03-01-02-01-07", "03-01-03-01-02-02-07"}),),
    ),
    "ravdess-song": PublishedFacts(rate_hz=48_000, list_names=_ravdess_song_names),
    "savee": PublishedFacts(rate_hz=44_100, list_names=_savee_names),
    "tess": PublishedFacts(rate_hz=24_414, list_names=_tess_names, other_rates={"OAF_food_fear": 96_000}),
}
