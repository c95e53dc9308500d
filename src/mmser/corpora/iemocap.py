"""Read IEMOCAP: dialogs of two actors, scripted and improvised, English.  corpus folder -> Clip rows

Published names are ``Ses01F_impro01_M000.wav``: session and who wore the markers, dialog, who speaks, turn.
The label is the raters' consensus in ``dialog/EmoEvaluation/<dialog>.txt``, the text is in
``dialog/transcriptions/<dialog>.txt``. Source: Busso et al. (2008).
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mmser.corpora.base import Clip, CorpusInfo, Naming, emotion_of, iter_published, read_text
from mmser.errors import LabelFileError

logger = logging.getLogger(__name__)

INFO = CorpusInfo(
    name="iemocap",
    title="IEMOCAP",
    num_clips=10039,
    num_speakers=10,
    language="en",
    license="research, on request",
    may_be_shared=False,
    sharing="its release is signed for by each research group and may not be passed on, in whole or in part",
    url="https://sail.usc.edu/iemocap/",
    how_to_get="Ask USC SAIL for the release (sail.usc.edu/iemocap) and unpack it with its dialog folders.",
    citation=(
        "Busso, C., Bulut, M., Lee, C.-C., Kazemzadeh, A., Mower, E., Kim, S., Chang, J. N., Lee, S., and "
        "Narayanan, S. S. (2008). IEMOCAP: Interactive emotional dyadic motion capture database. "
        "Language Resources and Evaluation 42, 335-359."
    ),
)
EMOTIONS = {
    "ang": "angry",
    "dis": "disgust",
    "exc": "excited",
    "fea": "fearful",
    "fru": "frustrated",
    "hap": "happy",
    "neu": "neutral",
    "oth": "other",
    "sad": "sad",
    "sur": "surprised",
    "xxx": "undecided",
}
VOTES = {
    "anger": "angry",
    "disgust": "disgust",
    "excited": "excited",
    "fear": "fearful",
    "frustration": "frustrated",
    "happiness": "happy",
    "neutral": "neutral",
    "neutral state": "neutral",
    "other": "other",
    "sadness": "sad",
    "surprise": "surprised",
}
GENDERS = {"F": "female", "M": "male"}

_DIALOG = r"(?P<session>Ses0[1-5])[FM]_(?:impro0[1-8][ab]?|(?P<script>script0[1-3]_[1-3])b?)"
_CLIP = re.compile(rf"(?P<name>{_DIALOG}_(?P<speaker>[FM])\d{{3}})\.wav", re.IGNORECASE)
NAMING = Naming(_CLIP, lambda _, match: _published_name(match["name"]))
_TEXT_FILE = re.compile(rf"(?P<dialog>{_DIALOG})\.txt", re.IGNORECASE)
_LABEL_LINE = re.compile(r"\[[\d.]+ - [\d.]+\]\s+(?P<name>\w+)\s+(?P<emotion>\w+)\s+\[[^\]]*\]\s*")
_RATER_LINE = re.compile(r"C-E\d+:(?P<words>[^(]*)")  # C-F and C-M lines are the actors' own
_TRANSCRIPT_LINE = re.compile(r"(?P<name>\w+) \[[\d.]+-[\d.]+\]:(?P<text>.*)")
_TAG = re.compile(r"\[[A-Z]+\]")  # [LAUGHTER], [BREATHING]: notes, not words


@dataclass(slots=True)
class _Label:
    """What a label file says about one clip."""

    emotion: str
    votes: dict[str, int] = field(default_factory=dict)


def iter_clips(root: Path) -> Iterator[Clip]:
    """Yield the clips found anywhere below ``root``, sorted by id.

    ``sentence`` is the scene for scripted dialogs ("script01_1", the same for all ten performances of it, and
    for ``script01_1b``): its lines return word for word in each, so two splits that share no scene share no
    line. It is "" for improvised ones. ``reference`` is the transcript without tags such as [LAUGHTER];
    ``heard`` is all that any of the few raters named.

    Audio without a label line has the emotion "", with a warning; a label or a text without audio is no clip.

    Raises:
        UnknownEmotionError: a label file holds a code or a rater's word that IEMOCAP does not define.
        LabelFileError: a label or transcript file does not follow its published form.
    """
    audio = list(iter_published(root, NAMING.pattern, NAMING.name_of))
    if not audio:
        return
    labels = _read_labels(root)
    transcripts = _read_transcripts(root)
    unlabelled = [path for name, path, _ in audio if name not in labels]
    if unlabelled:
        logger.warning(
            "IEMOCAP: %d of %d clips have no line in dialog/EmoEvaluation and so no label, e.g. %s. "
            "Unpack the release with its dialog folders.",
            len(unlabelled),
            len(audio),
            unlabelled[0],
        )
    for name, path, match in audio:
        label = labels.get(name, _Label(""))
        speaker = match["speaker"].upper()
        yield Clip(
            id=f"{INFO.name}/{name}",
            path=path,
            corpus=INFO.name,
            emotion=label.emotion,
            speaker=f"{INFO.name}/{match['session'].capitalize()}{speaker}",
            gender=GENDERS[speaker],
            sentence=(match["script"] or "").lower(),
            reference=transcripts.get(name, ""),
            votes=label.votes,
            heard=tuple(sorted(label.votes)),
        )


def read_labelled_names(root: Path) -> frozenset[str]:
    """Read the published names of all clips that the label files below ``root`` list.

    Raises:
        UnknownEmotionError, LabelFileError: as :func:`iter_clips`.
    """
    return frozenset(_read_labels(root))


def _published_name(name: str) -> str:
    """Write a clip's name in the published case: ``Ses01F_impro01_F000``."""
    session, *dialog, turn = name.split("_")
    return "_".join((session[:5].capitalize() + session[5:].upper(), *map(str.lower, dialog), turn.upper()))


def _iter_lines(root: Path, folder: str) -> Iterator[tuple[str, str]]:
    """Yield (where, line) of each dialog's text file that lies directly in a folder of that name.

    Sub-folders hold the raters' own files.
    """

    def dialog_of(path: Path, match: re.Match[str]) -> str | None:
        return match["dialog"].lower() if path.parent.name.lower() == folder.lower() else None

    for _, path, _ in iter_published(root, _TEXT_FILE, dialog_of):
        for number, line in enumerate(re.split(r"\r\n|\r|\n", read_text(path)), start=1):
            yield f"{path}, line {number}", line


def _read_labels(root: Path) -> dict[str, _Label]:
    """Read clip name -> label from all label files below ``root``."""
    labels: dict[str, _Label] = {}
    current: _Label | None = None
    for where, line in _iter_lines(root, "EmoEvaluation"):
        if line.startswith("["):
            match = _LABEL_LINE.fullmatch(line)
            if not match:
                raise LabelFileError(
                    f"{where}: got {line!r}, expected '[start - end]<tab>clip<tab>code<tab>[v, a, d]'. "
                    "Put back the published file."
                )
            current = labels[match["name"]] = _Label(emotion_of(match["emotion"], EMOTIONS, where))
        elif not line.strip():
            current = None
        elif current and (rater := _RATER_LINE.match(line)):
            _add_votes(current, rater["words"], where)
    return labels


def _add_votes(label: _Label, words: str, where: str) -> None:
    """Count what one rater heard; ``words`` is e.g. "Frustration; Anger;", or empty."""
    heard = {emotion_of(word.strip().lower(), VOTES, where) for word in words.split(";") if word.strip()}
    for emotion in sorted(heard):
        label.votes[emotion] = label.votes.get(emotion, 0) + 1


def _read_transcripts(root: Path) -> dict[str, str]:
    """Read clip name -> text from all transcript files; lines that name no clip are notes."""
    transcripts = {}
    for where, line in _iter_lines(root, "transcriptions"):
        if not line.startswith("Ses"):
            continue
        match = _TRANSCRIPT_LINE.fullmatch(line)
        if not match:
            raise LabelFileError(
                f"{where}: got {line!r}, expected 'clip [start-end]: text'. Put back the published file."
            )
        transcripts[match["name"]] = " ".join(_TAG.sub(" ", match["text"]).split())
    return transcripts
