"""Read CREMA-D: acted speech, English, rated by a crowd.  corpus folder -> Clip rows

Published names are ``1001_IEO_ANG_HI.wav``: actor, sentence, emotion, level. The label is the emotion that
the actor intended; what raters heard in the voice alone is kept in ``votes``. Source: Cao et al. (2014).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mmser.corpora.base import Clip, CorpusInfo, Naming, emotion_of, iter_published, read_table
from mmser.corpora.sources import LfsRepository
from mmser.errors import LabelFileError

_REPOSITORY = "CheyneyComputerScience/CREMA-D"
_COMMIT = "1658cd342dff90010aa843eaeebd53610a08b1dc"

INFO = CorpusInfo(
    name="cremad",
    title="CREMA-D",
    num_clips=7442,
    num_speakers=91,
    language="en",
    license="ODbL 1.0",
    may_be_shared=True,
    sharing="the licence allows it, under the same licence and with its makers named",
    url="https://github.com/CheyneyComputerScience/CREMA-D",
    how_to_get=(
        "Run `mmser download cremad`, or install Git LFS and clone github.com/CheyneyComputerScience/CREMA-D "
        "(in a clone made without it, run `git lfs pull`)."
    ),
    citation=(
        "Cao, H., Cooper, D. G., Keutmann, M. K., Gur, R. C., Nenkova, A., and Verma, R. (2014). CREMA-D: "
        "Crowd-sourced Emotional Multimodal Actors Dataset. IEEE Transactions on Affective Computing 5(4), "
        "377-390."
    ),
    source=LfsRepository(
        folder="CREMA-D",
        archive_url=f"https://github.com/{_REPOSITORY}/archive/{_COMMIT}.zip",
        media_url=f"https://media.githubusercontent.com/media/{_REPOSITORY}/{_COMMIT}/",
        audio="AudioWAV",
        tables=(
            "LICENSE.txt",
            "README.md",
            "SentenceFilenames.csv",
            "VideoDemographics.csv",
            "processedResults/summaryTable.csv",
            "processedResults/tabulatedVotes.csv",
        ),
    ),
)
EMOTIONS = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fearful",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
VOTES = {"A": "angry", "D": "disgust", "F": "fearful", "H": "happy", "N": "neutral", "S": "sad"}
SENTENCES = {
    "DFA": "Don't forget a jacket.",
    "IEO": "It's eleven o'clock.",
    "IOM": "I'm on my way to the meeting.",
    "ITH": "I think I have a doctor's appointment.",
    "ITS": "I think I've seen this before.",
    "IWL": "I would like a new alarm clock.",
    "IWW": "I wonder what this is about.",
    "MTI": "Maybe tomorrow it will be cold.",
    "TAI": "The airplane is almost full.",
    "TIE": "That is exactly what happened.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}

_STEM = r"(?P<actor>\d{4})_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?P<level>LO|MD|HI|XX?)"
_VOTED_NAME = re.compile(_STEM, re.IGNORECASE)
_CLIP = re.compile(_STEM + r"\.wav", re.IGNORECASE)
NAMING = Naming(_CLIP, lambda _, match: _published_name(match))
_VOICE_ALONE = "1"  # first digit of a row's id in tabulatedVotes.csv; 2 is the face alone, 3 both


def iter_clips(root: Path) -> Iterator[Clip]:
    """Yield the clips found anywhere below ``root``, sorted by id; ``sentence`` is the sentence's code.

    Genders come from VideoDemographics.csv and votes from tabulatedVotes.csv, where those are below ``root``.
    ``heard`` is what most of the ten or so raters chose: a single vote among them is no label.

    Raises:
        UnknownEmotionError: a name holds an emotion code that CREMA-D does not define.
        LabelFileError: one of the tables does not follow its published form.
    """
    found = list(iter_published(root, NAMING.pattern, NAMING.name_of))
    if not found:
        return
    genders, votes = _read_genders(root), _read_votes(root)
    for name, path, match in found:
        sentence = match["sentence"].upper()
        yield Clip(
            id=f"{INFO.name}/{name}",
            path=path,
            corpus=INFO.name,
            emotion=emotion_of(match["emotion"].upper(), EMOTIONS, path),
            speaker=f"{INFO.name}/{match['actor']}",
            gender=genders.get(match["actor"], ""),
            sentence=sentence,
            reference=SENTENCES.get(sentence, ""),
            votes=votes.get(name, {}),
            heard=_winners(votes.get(name, {})),
        )


def _winners(votes: dict[str, int]) -> tuple[str, ...]:
    """The emotions with the most votes: several in a tie, as ``VoiceVote`` of summaryTable.csv has them."""
    most = max(votes.values(), default=0)
    return tuple(sorted(emotion for emotion, count in votes.items() if count == most))


def _published_name(match: re.Match[str]) -> str:
    """The name without suffix; old clones hold ``1040_ITH_SAD_X``, published as ``1040_ITH_SAD_XX``."""
    level = "XX" if match["level"].upper() == "X" else match["level"]
    return f"{match['actor']}_{match['sentence']}_{match['emotion']}_{level}".upper()


def _read_genders(root: Path) -> dict[str, str]:
    """Read actor -> gender, empty without the table."""
    table = read_table(root, "VideoDemographics.csv", ("ActorID", "Sex"))
    if not table:
        return {}
    return {
        row["ActorID"]: row["Sex"].lower() for row in table[1] if row["Sex"].lower() in ("female", "male")
    }


def _read_votes(root: Path) -> dict[str, dict[str, int]]:
    """Read published name -> votes on the voice alone, empty without the table."""
    table = read_table(root, "tabulatedVotes.csv", ("", "fileName", *VOTES))
    if not table:
        return {}
    path, rows = table
    votes = {}
    for row in rows:
        match = _VOTED_NAME.fullmatch(row["fileName"])
        if not row[""].startswith(_VOICE_ALONE) or not match:
            continue
        try:
            counts = {emotion: int(row[letter]) for letter, emotion in VOTES.items()}
        except ValueError as error:
            raise LabelFileError(
                f"{path}, row {row['']!r}: the counts {list(VOTES)} must be whole numbers ({error}). "
                "Put back the published table, or remove the file."
            ) from error
        votes[_published_name(match)] = {emotion: count for emotion, count in counts.items() if count > 0}
    return votes
