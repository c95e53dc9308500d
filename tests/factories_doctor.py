"""Corpora of complete size whose files are whole, all different, and as small as can be."""

import struct
from itertools import count
from pathlib import Path

from mmser.curation.doctor_published import PUBLISHED
from standins import write_standins

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
