"""IEMOCAP in miniature: dialogs with their label and transcript files.  studio, root -> files"""

from dataclasses import dataclass
from pathlib import Path

from mmser.corpora import iemocap
from mmser.demo import lines
from mmser.demo.layouts import IEMOCAP_VOICES, Studio

_TURNS = {  # of each speaker, code -> turns
    "ang": 4,
    "hap": 4,
    "sad": 4,
    "sur": 1,
    "fea": 1,
    "exc": 1,
    "fru": 1,
    "neu": 1,
    "xxx": 1,
}
_COLORED = 0.2  # share of lines that the emotion chooses
_PAUSE_S = 0.4
_HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]"
_WORDS = {emotion: word.title() for word, emotion in iemocap.VOTES.items() if word != "neutral"}
_ACTED_AS = {"undecided": "neutral", "excited": "happy", "frustrated": "angry"}
_DIALOGS = ("impro01", "script01_1")


@dataclass(frozen=True)
class _Turn:
    """One utterance of a dialog, with its consensus code."""

    name: str
    code: str
    text: str
    start_s: float
    end_s: float


def write_iemocap(studio: Studio, root: Path) -> int:
    """Five sessions of two actors and two dialogs, 18 turns an actor; most lines fit any emotion."""
    count = 0
    for session in range(1, 6):
        parts = []  # (dialog, speaker, code), each dialog a random half of what both actors have to say
        for gender in "FM":
            codes = [code for code, number in _TURNS.items() for _ in range(number)]
            order = studio.script.permutation(len(codes))
            parts += [(_DIALOGS[place % 2], gender, codes[index]) for place, index in enumerate(order)]
        for dialog in _DIALOGS:
            name = f"Ses{session:02d}F_{dialog}"
            order = studio.script.permutation(len(parts))
            cast = [parts[index][1:] for index in order if parts[index][0] == dialog]
            turns = _record_dialog(studio, root / f"Session{session}", name, cast)
            _write_texts(root / f"Session{session}" / "dialog", name, turns)
            count += len(turns)
    return count


def _record_dialog(studio: Studio, folder: Path, dialog: str, cast: list[tuple[str, str]]) -> list[_Turn]:
    """Record (speaker, code) after (speaker, code); each speaker's turns are numbered from 000."""
    turns: list[_Turn] = []
    number = {"F": 0, "M": 0}
    clock_s = 5.0
    for gender, code in cast:
        emotion = iemocap.EMOTIONS[code]
        voice = IEMOCAP_VOICES[2 * (int(dialog[3:5]) - 1) + "FM".index(gender)]
        pool: tuple[str, ...] = lines.IEMOCAP_LINES
        if studio.script.random() < _COLORED:
            pool = lines.IEMOCAP_COLORED_LINES.get(emotion, pool)
        text = str(studio.script.choice(pool))
        take = studio.record(text, voice, _ACTED_AS.get(emotion, emotion))
        end_s = clock_s + len(take) / studio.synthesizer.rate_hz
        turns.append(_Turn(f"{dialog}_{gender}{number[gender]:03d}", code, text, clock_s, end_s))
        studio.write(folder / "sentences" / "wav" / dialog / f"{turns[-1].name}.wav", take, 16_000)
        number[gender] += 1
        clock_s = end_s + _PAUSE_S
    return turns


def _write_texts(folder: Path, dialog: str, turns: list[_Turn]) -> None:
    """Write labels (blocks parted by blank lines, tabs inside) and transcripts of a dialog."""
    blocks = [_HEADER, *(_label_block(turn) for turn in turns)]
    spoken = [f"{turn.name} [{turn.start_s:08.4f}-{turn.end_s:08.4f}]: {turn.text}" for turn in turns]
    for name, content in (
        ("EmoEvaluation", "\n\n".join(blocks) + "\n\n"),
        ("transcriptions", "\n".join(spoken) + "\n"),
    ):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{dialog}.txt").write_text(content, encoding="utf-8")


def _label_block(turn: _Turn) -> str:
    """Three raters agree, but for ``xxx``, where each hears something else."""
    word = _WORDS.get(iemocap.EMOTIONS[turn.code], "")
    heard = ("Neutral state", "Sadness", "Frustration") if turn.code == "xxx" else (word, word, word)
    return "\n".join(
        [
            f"[{turn.start_s:.4f} - {turn.end_s:.4f}]\t{turn.name}\t{turn.code}\t[2.5000, 2.5000, 2.5000]",
            *(f"C-E{rater}:\t{word};\t()" for rater, word in enumerate(heard, start=2)),
            *(f"A-E{rater}:\tval 3; act 2; dom  2;\t()" for rater in (3, 4)),
        ]
    )
