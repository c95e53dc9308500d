"""Read SAVEE: acted speech, English, four men.  corpus folder -> Clip rows

Two layouts are in use: the publisher's ``AudioData/DC/a01.wav`` and ``ALL/DC_a01.wav``. A name is speaker,
emotion (two letters before one: ``sa`` is sad, ``a`` angry) and number. Source: Haq and Jackson (2009).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mmser.corpora.base import Clip, CorpusInfo, Naming, emotion_of, iter_published

INFO = CorpusInfo(
    name="savee",
    title="SAVEE",
    num_clips=480,
    num_speakers=4,
    language="en",
    license="research, on registration",
    may_be_shared=False,
    sharing="it is given to each who registers, for research, and is not passed on",
    url="http://kahlan.eps.surrey.ac.uk/savee/",
    how_to_get="Register at the University of Surrey (kahlan.eps.surrey.ac.uk/savee), unpack AudioData.zip.",
    citation=(
        "Haq, S., and Jackson, P. J. B. (2009). Speaker-dependent audio-visual emotion recognition. "
        "AVSP 2009, 53-58."
    ),
)
EMOTIONS = {
    "a": "angry",
    "d": "disgust",
    "f": "fearful",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprised",
}
SPEAKERS = ("DC", "JE", "JK", "KL")

NUM_COMMON_SENTENCES = 3  # 01, 02, 03 are the same three sentences under every emotion
# The neutral clips from n16 on say the common sentences again, then sentences 04 and 05 of each other
# emotion, in this order (heard in the clips of DC and JE).
NEUTRAL_REPEATS = {
    "n16": "01",
    "n17": "02",
    "n18": "03",
    "n19": "a04",
    "n20": "a05",
    "n21": "d04",
    "n22": "d05",
    "n23": "f04",
    "n24": "f05",
    "n25": "su04",
    "n26": "su05",
    "n27": "sa04",
    "n28": "sa05",
    "n29": "h04",
    "n30": "h05",
}

_CLIP = re.compile(
    rf"(?:(?P<speaker>{'|'.join(SPEAKERS)})_)?(?P<emotion>[a-z]{{1,2}})(?P<number>\d\d)\.wav", re.IGNORECASE
)
NAMING = Naming(_CLIP, lambda path, match: _published_name(path, match))


def iter_clips(root: Path) -> Iterator[Clip]:
    """Yield the clips found anywhere below ``root``, sorted by id; both layouts give the ids of the second.

    ``sentence`` is emotion and number ("a06"); clips that say the same words have the same one (see
    ``NEUTRAL_REPEATS``; the common sentences are "01", "02" and "03").

    Raises:
        UnknownEmotionError: a name holds an emotion code that SAVEE does not define.
    """
    for name, path, match in iter_published(root, NAMING.pattern, NAMING.name_of):
        speaker, prompt = name.split("_")
        yield Clip(
            id=f"{INFO.name}/{name}",
            path=path,
            corpus=INFO.name,
            emotion=emotion_of(match["emotion"].lower(), EMOTIONS, path),
            speaker=f"{INFO.name}/{speaker}",
            gender="male",
            sentence=_sentence(prompt, match["number"]),
        )


def _published_name(path: Path, match: re.Match[str]) -> str | None:
    """Return "DC_a01" in either layout; None for a bare name outside a speaker's folder."""
    speaker = (match["speaker"] or path.parent.name).upper()
    return f"{speaker}_{match['emotion'].lower()}{match['number']}" if speaker in SPEAKERS else None


def _sentence(prompt: str, number: str) -> str:
    if 1 <= int(number) <= NUM_COMMON_SENTENCES:
        return number
    return NEUTRAL_REPEATS.get(prompt, prompt)
