"""Read RAVDESS: acted speech and song, English.  corpus folder -> Clip rows

Published names are ``03-01-06-01-02-01-16.wav``: modality (03 audio alone), channel (01 speech, 02 song),
emotion, intensity, statement, repetition, actor. Source: Livingstone and Russo (2018).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mmser.corpora.base import Clip, CorpusInfo, Naming, emotion_of, iter_published
from mmser.corpora.sources import Archive, RemoteFile

INFO = CorpusInfo(
    name="ravdess",
    title="RAVDESS, speech",
    num_clips=1440,
    num_speakers=24,
    language="en",
    license="CC BY-NC-SA 4.0",
    may_be_shared=True,
    sharing=(
        "the licence allows it, not for money, under the same licence, with its makers and the changes named"
    ),
    url="https://zenodo.org/records/1188976",
    how_to_get=(
        "Run `mmser download ravdess`, or download Audio_Speech_Actors_01-24.zip from Zenodo record 1188976 "
        "and unpack it."
    ),
    citation=(
        "Livingstone, S. R., and Russo, F. A. (2018). The Ryerson Audio-Visual Database of Emotional Speech "
        "and Song (RAVDESS). PLoS ONE 13(5), e0196391."
    ),
    source=Archive(
        folder="RAVDESS",
        file=RemoteFile(
            url="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1",
            path="Audio_Speech_Actors_01-24.zip",
            size_bytes=208_468_073,
            checksum="md5:bc696df654c87fed845eb13823edef8a",  # as the record states
        ),
    ),
)
SONG_INFO = CorpusInfo(
    name="ravdess-song",
    title="RAVDESS, song",
    num_clips=1012,
    num_speakers=23,
    language="en",
    license=INFO.license,
    may_be_shared=INFO.may_be_shared,
    sharing=INFO.sharing,
    url=INFO.url,
    how_to_get=(
        "Run `mmser download ravdess-song`, or download Audio_Song_Actors_01-24.zip from Zenodo record "
        "1188976 and unpack it."
    ),
    citation=INFO.citation,
    source=Archive(
        folder="RAVDESS_song",
        file=RemoteFile(
            url="https://zenodo.org/records/1188976/files/Audio_Song_Actors_01-24.zip?download=1",
            path="Audio_Song_Actors_01-24.zip",
            size_bytes=225_505_317,
            checksum="md5:5411230427d67a21e18aa4d466e6d1b9",  # as the record states
        ),
    ),
)
EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
SONG_EMOTIONS = {
    code: emotion for code, emotion in EMOTIONS.items() if emotion not in ("disgust", "surprised")
}
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}

_NAME = r"03-{channel}-(?P<emotion>\d\d)-\d\d-(?P<statement>\d\d)-\d\d-(?P<actor>\d\d)\.wav"
NAMING = Naming(re.compile(_NAME.format(channel="01"), re.IGNORECASE), lambda path, _: path.stem)
SONG_NAMING = Naming(re.compile(_NAME.format(channel="02"), re.IGNORECASE), lambda path, _: path.stem)


def iter_clips(root: Path) -> Iterator[Clip]:
    """Yield the speech clips found anywhere below ``root``, sorted by id; ``sentence`` is the statement.

    Raises:
        UnknownEmotionError: a name holds an emotion code that RAVDESS does not define.
    """
    yield from _iter_channel(root, INFO.name, NAMING, EMOTIONS)


def iter_song_clips(root: Path) -> Iterator[Clip]:
    """Yield the song clips found anywhere below ``root``; the singers are the speakers of the speech clips.

    Raises:
        UnknownEmotionError: a name holds an emotion code that the songs do not have.
    """
    yield from _iter_channel(root, SONG_INFO.name, SONG_NAMING, SONG_EMOTIONS)


def _iter_channel(root: Path, corpus: str, naming: Naming, emotions: dict[str, str]) -> Iterator[Clip]:
    for name, path, match in iter_published(root, naming.pattern, naming.name_of):
        actor = match["actor"]
        yield Clip(
            id=f"{corpus}/{name}",
            path=path,
            corpus=corpus,
            emotion=emotion_of(match["emotion"], emotions, path),
            speaker=f"{INFO.name}/{actor}",
            gender="male" if int(actor) % 2 else "female",
            sentence=match["statement"],
            reference=STATEMENTS.get(match["statement"], ""),
        )
