"""Five corpora in miniature, in their published layouts and file names.  studio, root -> files

Each speaker says each chosen sentence under each emotion, so that words tell nothing of the emotion; only
IEMOCAP's lines are coloured by it a little, as free speech is. Neutral clips are few: ``paper7`` drops them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from mmser.audio.io import resample, to_pcm16
from mmser.corpora import cremad, ravdess, savee, tess
from mmser.demo import lines
from mmser.demo.synthesis import PROSODY, Synthesizer, Voice, color_voice, intensify

_ENDS_S = 0.25  # of room tone before and after the speech
_ROOM_DB = -55.0  # room tone below the peak of the speech
_PEAK = 0.7


@dataclass
class Studio:
    """Where a corpus is recorded: the synthesizer and the sources of chance.

    Attributes:
        synthesizer: speaks.
        script: draws who says what.
        takes: draws what varies from take to take.
    """

    synthesizer: Synthesizer
    script: np.random.Generator
    takes: np.random.Generator

    def record(self, line: str, voice: Voice, emotion: str, intensity: float = 1.0) -> np.ndarray:
        """Record one take, float32 (S,) at the synthesizer's rate, room tone around and below the speech."""
        prosody = intensify(PROSODY[emotion], intensity * self.takes.uniform(0.6, 1.1))
        prosody = replace(
            prosody,
            pitch=prosody.pitch + self.takes.uniform(-4, 4),
            rate=prosody.rate * self.takes.uniform(0.94, 1.06),
        )
        spoken = self.synthesizer.speak(line, voice, prosody)
        rate_hz = self.synthesizer.rate_hz
        colored = color_voice(spoken, rate_hz, prosody, self.takes)
        take = np.pad(colored, round(_ENDS_S * rate_hz))
        take += 10 ** (_ROOM_DB / 20) * self.takes.standard_normal(len(take))
        return (_PEAK * take / np.abs(take).max()).astype(np.float32)

    def write(
        self, path: Path, take: np.ndarray, rate_hz: int, *, peak: float = 1.0, channels: int = 1
    ) -> None:
        """Write a take as 16-bit WAV at a rate, scaled by ``peak``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = to_pcm16(peak * resample(take, self.synthesizer.rate_hz, rate_hz))
        soundfile.write(path, np.stack([samples] * channels, axis=1), rate_hz, subtype="PCM_16")


def _voices(gender: str, *names: str) -> list[Voice]:
    """Voices of one gender, their pitch and rate spread around their own in a fixed way."""
    return [
        Voice(name, gender, pitch=(-3, 3, 0)[number % 3], rate=(1.0, 0.95, 1.05, 0.98)[number % 4])
        for number, name in enumerate(names)
    ]


def _alternate(first: list[Voice], second: list[Voice]) -> list[Voice]:
    return [voice for pair in zip(first, second, strict=True) for voice in pair]


def _codes(table: dict[str, str]) -> dict[str, str]:
    """Turn code -> emotion into emotion -> code."""
    return {emotion: code for code, emotion in table.items()}


RAVDESS_VOICES = _alternate(
    _voices("male", "en-us+m3", "en-us+m1", "en-gb-x-rp+m7", "en-us+m6", "en-us+m2"),
    _voices("female", "en-us+f2", "en-us+f3", "en-gb-x-rp+f1", "en-us+f5", "en-us+f4"),
)
CREMAD_VOICES = _alternate(
    _voices("male", "en-us+m7", "en-us+m2", "en-us+m3", "en-us+m8", "en-029+m1"),
    _voices("female", "en-us+f4", "en-029+f1", "en-us+f2", "en-us+f3", "en-us+f5"),
)
TESS_VOICES = dict(zip(("OAF", "YAF"), _voices("female", "en-us+f1", "en-us+f3"), strict=True))
SAVEE_VOICES = dict(
    zip(savee.SPEAKERS, _voices("male", "en+m3", "en-gb-x-rp+m1", "en-gb-scotland+m7", "en+m2"), strict=True)
)
IEMOCAP_VOICES = _alternate(
    _voices("female", "en-us+f3", "en-us+f5", "en-us+f1", "en-us+f4", "en-us-nyc+f2"),
    _voices("male", "en-us+m6", "en-us+m3", "en-us-nyc+m7", "en-us+m1", "en-us+m2"),
)

_RAVDESS_STRONG = 1.25
_CREMAD_INTENSITIES = {"LO": 0.8, "MD": 1.0, "HI": 1.25, "XX": 1.0}


def write_ravdess(studio: Studio, root: Path) -> int:
    """Ten actors; two takes a statement, of calm (no other corpus has it) four; one twice, one in stereo."""
    count = 0
    for actor, voice in enumerate(RAVDESS_VOICES, start=1):
        for emotion, code in _codes(ravdess.EMOTIONS).items():
            for name, statement, intensity in _ravdess_takes(emotion):
                path = root / f"Actor_{actor:02d}" / f"03-01-{code}-{name}-{actor:02d}.wav"
                take = studio.record(ravdess.STATEMENTS[statement], voice, emotion, intensity)
                channels = 2 if path.name == "03-01-02-01-02-02-05.wav" else 1
                studio.write(path, take, 48_000, peak=0.1, channels=channels)
                count += 1
    folder = root / "Actor_07"
    first, second = (folder / f"03-01-03-01-02-{repetition}-07.wav" for repetition in ("01", "02"))
    second.write_bytes(first.read_bytes())
    return count + 1


def _ravdess_takes(emotion: str) -> Iterator[tuple[str, str, float]]:
    """Yield intensity-statement-repetition, the statement and how strongly it is acted."""
    if emotion == "neutral":
        yield "01-01-01", "01", 1.0
        return
    for statement in ravdess.STATEMENTS:
        yield f"01-{statement}-01", statement, 1.0
        yield f"02-{statement}-01", statement, _RAVDESS_STRONG
        if emotion == "calm":
            yield f"01-{statement}-02", statement, 1.0
            yield f"02-{statement}-02", statement, _RAVDESS_STRONG


def write_cremad(studio: Studio, root: Path) -> int:
    """Ten actors, four of twelve sentences each, five emotions and one neutral clip; the table of actors."""
    demographics = ['"ActorID","Age","Sex","Race","Ethnicity"']
    sentences = sorted(cremad.SENTENCES)
    count = 0
    for actor, voice in enumerate(CREMAD_VOICES, start=1001):
        age = int(studio.script.integers(20, 75))
        demographics.append(f'{actor},{age},"{voice.gender.title()}","Unknown","Not Hispanic"')
        chosen = sorted(studio.script.choice(sentences, size=4, replace=False))
        for emotion, code in _codes(cremad.EMOTIONS).items():
            for sentence in chosen if emotion != "neutral" else chosen[:1]:
                levels = ("LO", "MD", "HI") if sentence == "IEO" and emotion != "neutral" else ("XX",)
                for level in levels:
                    intensity = _CREMAD_INTENSITIES[level]
                    take = studio.record(cremad.SENTENCES[sentence], voice, emotion, intensity)
                    studio.write(root / "AudioWAV" / f"{actor}_{sentence}_{code}_{level}.wav", take, 16_000)
                    count += 1
    (root / "VideoDemographics.csv").write_text("\n".join(demographics) + "\n", encoding="utf-8")
    return count


def write_tess(studio: Studio, root: Path) -> int:
    """Two women, eight words, six emotions, and two neutral clips each."""
    count = 0
    for speaker, voice in TESS_VOICES.items():
        for emotion, code in _codes(tess.EMOTIONS).items():
            for word in lines.TESS_WORDS[: 2 if emotion == "neutral" else None]:
                take = studio.record(f"Say the word, {word}", voice, emotion)
                studio.write(root / f"{speaker}_{code}" / f"{speaker}_{word}_{code}.wav", take, 24_414)
                count += 1
    return count


def write_savee(studio: Studio, root: Path) -> int:
    """Four men; the three common sentences and two more under each emotion, two neutral clips each."""
    pool = list(studio.script.permutation(lines.SAVEE_SENTENCES))
    texts = {
        f"{code}{number:02d}": lines.SAVEE_COMMON[number - 1] if number <= 3 else str(pool.pop())
        for code in savee.EMOTIONS
        for number in range(1, 3 if code == "n" else 6)
    }
    for speaker, voice in SAVEE_VOICES.items():
        for prompt, text in texts.items():
            take = studio.record(text, voice, savee.EMOTIONS[prompt[:-2]])
            studio.write(root / "AudioData" / speaker / f"{prompt}.wav", take, 44_100)
    return len(texts) * len(SAVEE_VOICES)
