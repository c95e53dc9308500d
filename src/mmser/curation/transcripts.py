"""What was heard in clips, kept where a kill cannot hurt it.  hash of a clip -> Transcript"""

import errno
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

MAX_COMPRESSION_RATIO = 2.4  # these three are whisper.transcribe's own thresholds
MIN_AVG_LOGPROB = -1.0
MAX_NO_SPEECH_PROB = 0.6

SILENCE = "silence"
LOOP = "loop"


@dataclass(frozen=True)
class Transcript:
    """What Whisper heard in a clip.

    Attributes:
        text: stripped; "" where Whisper heard no speech or only a loop.
        avg_logprob: mean log-probability of its tokens.
        no_speech_prob: probability that nobody speaks.
        compression_ratio: of the text by zlib before it was emptied; loops compress well.
        flag: why the text was emptied: "silence", "loop", or "" where it was not.
    """

    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    flag: str


def is_silence(avg_logprob: float, no_speech_prob: float) -> bool:
    """Whether Whisper both thinks that nobody speaks and doubts what it wrote."""
    return no_speech_prob > MAX_NO_SPEECH_PROB and avg_logprob < MIN_AVG_LOGPROB


def judge(text: str, avg_logprob: float, no_speech_prob: float, compression_ratio: float) -> Transcript:
    """Empty and flag what Whisper made up: text over silence, and loops."""
    flag = ""
    if is_silence(avg_logprob, no_speech_prob):
        flag = SILENCE
    elif compression_ratio > MAX_COMPRESSION_RATIO:
        flag = LOOP
    kept = "" if flag else text.strip()
    return Transcript(kept, float(avg_logprob), float(no_speech_prob), float(compression_ratio), flag)


def join_transcripts(parts: Sequence[Transcript]) -> Transcript:
    """Join the transcripts of successive parts of one clip.

    Scores are means over the parts that were kept; where none was, over all, and the flag is the first one's.
    """
    kept = [part for part in parts if not part.flag]
    of = kept or parts
    return Transcript(
        text=" ".join(part.text for part in kept if part.text),
        avg_logprob=sum(part.avg_logprob for part in of) / len(of),
        no_speech_prob=sum(part.no_speech_prob for part in of) / len(of),
        compression_ratio=sum(part.compression_ratio for part in of) / len(of),
        flag="" if kept else parts[0].flag,
    )


class TranscriptCache:
    """Transcripts by clip, in a file of one JSON line a clip that is only ever appended to.

    Several processes may append to one file on a local disk: each append is one write at the file's end.

    Args:
        path: the file; None keeps transcripts in memory alone.
    """

    def __init__(self, path: Path | None):
        self.path = path
        self.transcripts: dict[str, Transcript] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
                self._read_line(line)

    def _read_line(self, line: str) -> None:
        """Take a line over; one that a kill cut short is passed by, and its clip transcribed again."""
        try:
            values = json.loads(line)
            key = values.pop("sha256")
            self.transcripts[key] = Transcript(**values)
        except (ValueError, KeyError, TypeError, AttributeError):
            return

    def write(self, keys: Sequence[str], transcripts: Sequence[Transcript]) -> None:
        """Keep one transcript a key: one append for all, so that two writers do not mix their lines.

        Raises:
            OSError: the file cannot be written, or the disk filled up amid the lines (``ENOSPC``); a line
                that was cut short harms no other.
        """
        if self.path is not None:
            rows = ({"sha256": key, **asdict(each)} for key, each in zip(keys, transcripts, strict=True))
            lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            _append(self.path, lines.encode())
        self.transcripts.update(zip(keys, transcripts, strict=True))


def _append(path: Path, lines: bytes) -> None:
    """Append whole lines in one write; a last line that a kill left open is closed first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        torn = end > 0 and file.read(1) != b"\n"
        content = b"\n" + lines if torn else lines
        if file.write(content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
