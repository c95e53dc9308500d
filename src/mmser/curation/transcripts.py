"""What was heard in clips, kept where a kill cannot hurt it.  hash of a clip -> Transcript"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Transcript:
    """What Whisper heard in a clip.

    Attributes:
        text: stripped; "" where Whisper heard no speech or only a loop.
        avg_logprob: mean log-probability of its tokens.
        no_speech_prob: probability that nobody speaks.
        compression_ratio: of the text by gzip before it was emptied; loops compress well.
    """

    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float


class TranscriptCache:
    """Transcripts by clip, in a file of one JSON line a clip that is only ever appended to.

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
        """Keep one transcript a key: one append for all, so that two writers do not mix their lines."""
        self.transcripts.update(zip(keys, transcripts, strict=True))
        if self.path is None:
            return
        rows = ({"sha256": key, **asdict(each)} for key, each in zip(keys, transcripts, strict=True))
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 1))
            torn = end > 0 and file.read(1) != b"\n"
            file.write((("\n" if torn else "") + lines).encode("utf-8"))
