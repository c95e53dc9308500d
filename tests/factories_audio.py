"""Recordings that sound enough like speech to survive cleaning, and tiny corpora made of them."""

from pathlib import Path

import numpy as np
import soundfile

RAVDESS_CODES = ("02", "03", "04", "05", "06", "07", "08")  # the seven classes of paper7
SAVEE_CODES = ("a", "d", "f", "h", "sa", "su")
TESS_CODES = ("angry", "disgust", "fear", "happy", "ps", "sad")


def make_speech(duration_s: float = 1.6, *, seed: int = 0, rate_hz: int = 16_000) -> np.ndarray:
    """Syllables of 150 ms: harmonics of a gliding pitch under a bell, float32 (S,)."""
    rng = np.random.default_rng(seed)
    length = rate_hz * 150 // 1000
    time_s = np.arange(length) / rate_hz
    bell = np.hanning(length)
    syllables = []
    for _ in range(int(np.ceil(duration_s / 0.15))):
        pitch_hz = rng.uniform(110, 260)
        phase = 2 * np.pi * (pitch_hz * time_s + rng.uniform(-200, 200) * time_s**2)
        voice = sum(np.sin(order * phase) / order for order in range(1, 12))
        syllables.append(bell * (voice + rng.normal(0, 0.3, length)) * rng.uniform(0.1, 0.3))
    return np.concatenate(syllables)[: int(duration_s * rate_hz)].astype(np.float32)


def write_clip(path: Path, waveform: np.ndarray, rate_hz: int = 16_000) -> Path:
    """Write a 16-bit WAV, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, waveform, rate_hz, subtype="PCM_16")
    return path


def write_small_root(root: Path) -> Path:
    """Write 6 x 7 RAVDESS, 2 x 6 SAVEE and 2 x 6 TESS clips of paper7, and 2 neutral ones: 68 clips.

    RAVDESS actors 01 to 06, SAVEE DC and JE, TESS OAF and YAF.
    """
    seed = 0
    for actor in range(1, 7):
        for code in (*RAVDESS_CODES, *(("01",) if actor < 3 else ())):
            seed += 1
            name = f"03-01-{code}-01-01-01-{actor:02d}.wav"
            write_clip(root / "RAVDESS" / f"Actor_{actor:02d}" / name, make_speech(seed=seed))
    for speaker in ("DC", "JE"):
        for code in SAVEE_CODES:
            seed += 1
            write_clip(root / "SAVEE" / "AudioData" / speaker / f"{code}01.wav", make_speech(seed=seed))
    for speaker in ("OAF", "YAF"):
        for code in TESS_CODES:
            seed += 1
            path = root / "TESS" / f"{speaker}_{code}" / f"{speaker}_back_{code}.wav"
            write_clip(path, make_speech(seed=seed))
    return root


def write_damaged_files(root: Path) -> dict[str, str]:
    """Write a RAVDESS clip of each kind that cannot be used; clip id -> its reason in dropped.csv."""
    folder = root / "RAVDESS" / "Actor_07"
    speech = make_speech(seed=1000)
    names = [f"03-01-05-01-01-01-{actor:02d}" for actor in range(7, 15)]
    paths = [folder / f"{name}.wav" for name in names]
    folder.mkdir(parents=True)
    paths[0].write_text("this is no audio")
    paths[1].write_bytes(b"")
    write_clip(paths[2], np.zeros(32_000, np.float32))
    whole = write_clip(paths[3], speech).read_bytes()
    paths[3].write_bytes(whole[: len(whole) // 2])
    paths[4].write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    write_clip(paths[5], speech[:8000])
    write_clip(paths[6], np.zeros(0, np.float32))
    soundfile.write(paths[7], np.full(32_000, np.nan, np.float32), 16_000, subtype="FLOAT")
    reasons = (
        *("unreadable", "empty", "silent", "truncated", "lfs-pointer", "too-short", "empty", "not-finite"),
    )
    return {f"ravdess/{name}": reason for name, reason in zip(names, reasons, strict=True)}
