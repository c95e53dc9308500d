"""Corpora of complete size, their files whole, all different and as small as can be; what is said of them."""

import struct
from itertools import count
from pathlib import Path

from mmser.curation.doctor import check_corpora
from mmser.curation.doctor_published import PUBLISHED
from standins import write_standins

SAVEE = Path("SAVEE/AudioData")

_numbers = count(1)


def make_wav(
    rate_hz: int = 16_000, *, samples: tuple[int, ...] | None = None, num_channels: int = 1
) -> bytes:
    """A 16-bit WAV file; of six samples that no other one has, unless they are given."""
    if samples is None:
        number = next(_numbers)
        samples = (1000, -1000, number % 30_000, number // 30_000, 0, 0)
    data = struct.pack(f"<{len(samples)}h", *samples)
    sizes = (1, num_channels, rate_hz, rate_hz * 2 * num_channels, 2 * num_channels, 16)
    fmt = b"fmt " + struct.pack("<IHHIIHH", 16, *sizes)
    body = b"WAVE" + fmt + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def write_whole_corpus(root: Path, name: str) -> Path:
    """Write a corpus of complete size at its published sample rate, with sound in every file."""
    write_standins(root, [name])
    for path in root.rglob("*.wav"):
        if not path.stat().st_size:
            path.write_bytes(make_wav(PUBLISHED[name].rate_hz))
    return root


def write_iemocap_dialog(root: Path, labelled: tuple[str, ...]) -> Path:
    """Two clips of one dialog, without transcripts, and label lines for the clips named."""
    session = root / "Session1"
    wav, labels = session / "sentences/wav/Ses01F_impro01", session / "dialog/EmoEvaluation"
    wav.mkdir(parents=True)
    labels.mkdir(parents=True)
    for name in ("Ses01F_impro01_F000", "Ses01F_impro01_F001"):
        (wav / f"{name}.wav").write_bytes(make_wav())
    lines = (f"[6.2901 - 8.2357]\t{name}\tneu\t[2.5, 2.5, 2.5]\r\n\r\n" for name in labelled)
    (labels / "Ses01F_impro01.txt").write_text("".join(lines), newline="")
    return root


def check(root, *names):
    return check_corpora(root, names or None, num_proc=1)


def findings(root, name):
    """Kind -> finding, of one corpus; each kind once."""
    (report,) = check(root, name).corpora
    by_kind = {finding.kind: finding for finding in report.findings}
    assert len(by_kind) == len(report.findings)
    return report, by_kind


def assert_whole(report, num_clips):
    assert report.complete
    assert report.num_found == num_clips
    assert report.census.num_extra == 0
    assert {finding.severity for finding in report.findings} <= {"note"}
