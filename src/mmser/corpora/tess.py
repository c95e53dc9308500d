"""Read TESS: acted speech, English, two women.  corpus folder -> Clip rows

Published names are ``OAF_back_angry.wav``: speaker, word, emotion. Folder names vary between copies and are
not read. Source: Pichora-Fuller and Dupuis (2020).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mmser.corpora.base import Clip, CorpusInfo, Naming, emotion_of, iter_published
from mmser.corpora.sources import Dataverse

INFO = CorpusInfo(
    name="tess",
    title="TESS",
    num_clips=2800,
    num_speakers=2,
    language="en",
    license="CC BY-NC-ND 4.0",
    may_be_shared=False,
    sharing="the licence allows the original alone, and clips that were cleaned and cut are not the original",
    url="https://doi.org/10.5683/SP2/E8H2MF",
    how_to_get=(
        "Run `mmser download tess`, or download the dataset of doi 10.5683/SP2/E8H2MF from Borealis and "
        "unpack it."
    ),
    citation=(
        "Pichora-Fuller, M. K., and Dupuis, K. (2020). Toronto emotional speech set (TESS). Borealis, "
        "https://doi.org/10.5683/SP2/E8H2MF."
    ),
    source=Dataverse(folder="TESS", api="https://borealisdata.ca/api", doi="10.5683/SP2/E8H2MF"),
)
EMOTIONS = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fearful",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprised",  # pleasant surprise
    "sad": "sad",
}
SPEAKERS = {"OAF": "OAF", "OA": "OAF", "YAF": "YAF"}  # one published file is misnamed: OA_bite_neutral.wav

_CLIP = re.compile(r"(?P<speaker>OAF?|YAF)_(?P<word>[a-z]+)_(?P<emotion>[a-z]+)\.wav", re.IGNORECASE)
NAMING = Naming(_CLIP, lambda path, match: _published_name(path, match))


def iter_clips(root: Path) -> Iterator[Clip]:
    """Yield the clips found anywhere below ``root``, sorted by id; ``sentence`` is the word.

    The misnamed OA_bite_neutral.wav and a corrected copy of it are one clip, "tess/OAF_bite_neutral".

    Raises:
        UnknownEmotionError: a name holds an emotion code that TESS does not define.
    """
    for name, path, match in iter_published(root, NAMING.pattern, NAMING.name_of):
        word = match["word"].lower()
        yield Clip(
            id=f"{INFO.name}/{name}",
            path=path,
            corpus=INFO.name,
            emotion=emotion_of(match["emotion"].lower(), EMOTIONS, path),
            speaker=f"{INFO.name}/{SPEAKERS[match['speaker'].upper()]}",
            gender="female",
            sentence=word,
            reference=f"Say the word {word}",
        )


def _published_name(_: Path, match: re.Match[str]) -> str:
    return f"{SPEAKERS[match['speaker'].upper()]}_{match['word'].lower()}_{match['emotion'].lower()}"
