"""Read EMO-DB: acted speech, German.  corpus folder -> Clip rows

Published names are ``03a01Fa.wav``: speaker, text, emotion (first letter of the German word), version.
Source: Burkhardt et al. (2005).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mmser.corpora.base import Clip, CorpusInfo, Naming, emotion_of, iter_published
from mmser.corpora.sources import Archive, RemoteFile

INFO = CorpusInfo(
    name="emodb",
    title="EMO-DB",
    num_clips=535,
    num_speakers=10,
    language="de",
    license="as its page says",
    may_be_shared=False,
    sharing="no licence is known that allows changed clips to be published",
    url="http://emodb.bilderbar.info",
    how_to_get="Run `mmser download emodb`, or download the archive from emodb.bilderbar.info and unpack it.",
    citation=(
        "Burkhardt, F., Paeschke, A., Rolfes, M., Sendlmeier, W. F., and Weiss, B. (2005). A database of "
        "German emotional speech. Interspeech 2005, 1517-1520."
    ),
    source=Archive(
        folder="EMO-DB",
        file=RemoteFile(  # neither size nor checksum is published
            url="http://emodb.bilderbar.info/download/download.zip", path="download.zip"
        ),
    ),
)
EMOTIONS = {
    "A": "fearful",  # Angst
    "E": "disgust",  # Ekel
    "F": "happy",  # Freude
    "L": "bored",  # Langeweile
    "N": "neutral",
    "T": "sad",  # Trauer
    "W": "angry",  # Wut
}
GENDERS = {
    "03": "male",
    "08": "female",
    "09": "female",
    "10": "male",
    "11": "male",
    "12": "male",
    "13": "female",
    "14": "female",
    "15": "male",
    "16": "female",
}
TEXTS = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}

_CLIP = re.compile(
    rf"(?P<speaker>{'|'.join(GENDERS)})(?P<text>[ab]\d\d)(?P<emotion>[a-z])(?P<version>[a-z])\.wav",
    re.IGNORECASE,
)
NAMING = Naming(_CLIP, lambda path, match: _published_name(path, match))


def iter_clips(root: Path) -> Iterator[Clip]:
    """Yield the clips found anywhere below ``root``, sorted by id; ``sentence`` is the text's code.

    Raises:
        UnknownEmotionError: a name holds an emotion letter that EMO-DB does not define.
    """
    for name, path, match in iter_published(root, NAMING.pattern, NAMING.name_of):
        text = match["text"].lower()
        yield Clip(
            id=f"{INFO.name}/{name}",
            path=path,
            corpus=INFO.name,
            emotion=emotion_of(match["emotion"].upper(), EMOTIONS, path),
            speaker=f"{INFO.name}/{match['speaker']}",
            gender=GENDERS[match["speaker"]],
            sentence=text,
            reference=TEXTS.get(text, ""),
        )


def _published_name(_: Path, match: re.Match[str]) -> str:
    speaker, text, emotion, version = match.groups()
    return speaker + text.lower() + emotion.upper() + version.lower()
