"""Let eSpeak NG speak a line in a voice and an emotion.  text, voice, emotion -> waveform (S,)

The emotions are simple stand-ins of acted ones: pitch, range and rate are set in the synthesizer, the rest of
the voice (brightness, pressure, tremor, breath, a glide of the pitch) is laid over the waveform. Which way
each goes follows Scherer, "Vocal communication of emotion" (Speech Communication 40, 2003, 227-256).
"""

import ctypes
import shutil
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mmser.errors import SettingsError

_DONT_EXIT = 0x8000  # espeakINITIALIZE: report missing data instead of ending the process
_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: samples go to the callback, on the thread that calls
_CHARS_UTF8 = 1
_POSITION_CHARACTER = 1
_PARAMETERS = {"rate": 1, "pitch": 3, "range": 4}  # espeak_PARAMETER
_NEUTRAL_RATE_WPM = 140
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Voice:
    """A speaker of the demo.

    Attributes:
        name: eSpeak language and variant, e.g. "en-us+f2".
        gender: "female" or "male".
        pitch: added to eSpeak's pitch, 0 to 99 with 50 as the voice's own.
        rate: factor on the speaking rate.
    """

    name: str
    gender: str
    pitch: float = 0.0
    rate: float = 1.0


@dataclass(frozen=True)
class Prosody:
    """How an emotion sounds; the defaults are the neutral voice.

    Attributes:
        pitch: added to eSpeak's pitch, 0 to 99.
        range: eSpeak's pitch range, 0 (monotone) to 99.
        rate: factor on the speaking rate.
        tilt_db: brightness, in dB an octave around 1 kHz.
        drive: how hard the voice is pressed: gain before soft clipping.
        tremor: depth of the loudness tremor, 0 to 1.
        tremor_hz: its frequency; from about 20 Hz on it is heard as creak.
        vibrato: depth of the pitch tremor, a fraction of the pitch.
        breath: breath noise relative to the voice.
        glide: change of the pitch over the last third, a fraction of the pitch.
    """

    pitch: float = 0.0
    range: float = 45.0
    rate: float = 1.0
    tilt_db: float = 0.0
    drive: float = 0.0
    tremor: float = 0.0
    tremor_hz: float = 6.0
    vibrato: float = 0.0
    breath: float = 0.0
    glide: float = 0.0


NEUTRAL = Prosody()
PROSODY = {
    "neutral": NEUTRAL,
    "angry": Prosody(pitch=8, range=75, rate=1.15, tilt_db=3.0, drive=6.0, glide=-0.08),
    "calm": Prosody(pitch=-6, range=25, rate=0.88, tilt_db=-4.0),
    "disgust": Prosody(pitch=-16, range=50, rate=0.85, tilt_db=1.0, tremor=0.6, tremor_hz=28.0, glide=-0.12),
    "fearful": Prosody(pitch=18, range=20, rate=1.15, tremor=0.6, tremor_hz=8.0, vibrato=0.025, breath=0.15),
    "happy": Prosody(pitch=16, range=99, rate=1.05, tilt_db=2.0),
    "sad": Prosody(pitch=-10, range=10, rate=0.75, tilt_db=-3.0, breath=0.5, glide=-0.10),
    "surprised": Prosody(pitch=32, range=90, rate=0.92, tilt_db=0.5, glide=0.35),
}


def intensify(prosody: Prosody, intensity: float) -> Prosody:
    """Move a prosody towards the neutral one (intensity below 1) or away from it (above 1).

    The frequency of the tremor belongs to the emotion and stays.
    """
    moved = {
        field.name: getattr(NEUTRAL, field.name)
        + intensity * (getattr(prosody, field.name) - getattr(NEUTRAL, field.name))
        for field in fields(Prosody)
        if field.name != "tremor_hz"
    }
    return Prosody(tremor_hz=prosody.tremor_hz, **moved)


class Synthesizer:
    """eSpeak NG in a private copy, so that what was said before does not change what is said now.

    The library keeps phases and random state in static variables that nothing resets. Each instance loads its
    own copy, hence the same calls in the same order give the same samples. Use it as a context manager.

    Raises:
        SettingsError: the library is not installed or does not start.
    """

    def __init__(self, *, seed: int = 0):
        try:
            import espeakng_loader
        except ImportError as error:
            raise SettingsError(
                'The demo corpora are spoken by eSpeak NG, which is not installed: pip install "mmser[demo]".'
            ) from error
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        original = Path(espeakng_loader.get_library_path())
        self._library = ctypes.CDLL(shutil.copy(original, self._folder.name))
        self._chunks: list[np.ndarray] = []
        self._callback = _CALLBACK(self._collect)
        data = espeakng_loader.get_data_path().encode()
        self.rate_hz = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, _DONT_EXIT)
        if self.rate_hz <= 0:
            raise SettingsError(
                f"eSpeak NG at {original} does not start with the voices in {data.decode()}: "
                'install it again with pip install --force-reinstall "espeakng-loader".'
            )
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed + 1))

    def __enter__(self) -> "Synthesizer":
        return self

    def __exit__(self, *exception: object) -> None:
        self._library.espeak_Terminate()
        self._folder.cleanup()

    def speak(self, text: str, voice: Voice, prosody: Prosody) -> np.ndarray:
        """Speak plainly: only voice, pitch, range and rate, float32 (S,) at ``rate_hz``, peak below 1.

        Raises:
            SettingsError: eSpeak NG has no voice of that name.
        """
        if self._library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise SettingsError(f"eSpeak NG has no voice {voice.name!r}; its voices are language+variant.")
        settings = {
            "pitch": np.clip(50 + voice.pitch + prosody.pitch, 0, 99),
            "range": np.clip(prosody.range, 0, 99),
            "rate": np.clip(_NEUTRAL_RATE_WPM * voice.rate * prosody.rate, 80, 450),
        }
        for name, value in settings.items():
            self._library.espeak_SetParameter(_PARAMETERS[name], round(value), 0)
        self._chunks.clear()
        content = text.encode() + b"\0"
        self._library.espeak_Synth(
            content, ctypes.c_size_t(len(content)), 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        return np.concatenate(self._chunks).astype(np.float32) / 32768.0

    def _collect(self, samples, num_samples: int, _events) -> int:
        if samples and num_samples > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (num_samples,)).copy())
        return 0  # go on


def color_voice(waveform: np.ndarray, rate_hz: int, prosody: Prosody, rng: np.random.Generator) -> np.ndarray:
    """Lay glide, tremor, breath, pressure and brightness over a spoken waveform.

    Args:
        waveform: (S,), full scale 1.
        rate_hz: its sample rate.
        prosody: what to lay over; its pitch, range and rate are not used.
        rng: draws phases and breath noise.

    Returns:
        float32 (S',) with peak 1; S' differs from S only where the pitch glides.
    """
    voiced = _bend_pitch(waveform, rate_hz, prosody, rng)
    time_s = np.arange(len(voiced)) / rate_hz
    if prosody.breath:
        window = np.hanning(rate_hz // 50)  # 20 ms: syllables, not periods
        envelope = np.convolve(np.abs(voiced), window / window.sum(), mode="same")
        voiced = voiced + prosody.breath * envelope * rng.standard_normal(len(voiced))
    if prosody.tremor:
        phase = rng.uniform(0, 2 * np.pi)
        tremor_hz = prosody.tremor_hz * rng.uniform(0.8, 1.25)
        swing = 0.5 - 0.5 * np.cos(2 * np.pi * tremor_hz * time_s + phase)
        voiced = voiced * (1 - np.clip(prosody.tremor, 0, 0.95) * swing)
    voiced = voiced / max(np.abs(voiced).max(), 1e-6)
    if prosody.drive:
        voiced = np.tanh(prosody.drive * voiced)
    voiced = _tilt_spectrum(voiced, rate_hz, prosody.tilt_db)
    return (voiced / max(np.abs(voiced).max(), 1e-6)).astype(np.float32)


def _bend_pitch(waveform: np.ndarray, rate_hz: int, prosody: Prosody, rng: np.random.Generator) -> np.ndarray:
    """Play faster where the pitch is to rise and slower where it is to fall."""
    if not (prosody.vibrato or prosody.glide):
        return waveform
    position = np.linspace(0, 1, len(waveform))
    vibrato_hz = rng.uniform(5.5, 7.0)
    speed = 1 + prosody.vibrato * np.sin(2 * np.pi * vibrato_hz * np.arange(len(waveform)) / rate_hz)
    speed += prosody.glide * np.clip((position - 2 / 3) * 3, 0, 1)
    reached = np.cumsum(1 / speed)  # when each sample is heard
    return np.interp(np.arange(int(reached[-1])), reached, waveform)


def _tilt_spectrum(waveform: np.ndarray, rate_hz: int, tilt_db: float) -> np.ndarray:
    """Raise (or lower) the spectrum by ``tilt_db`` an octave between 125 Hz and 8 kHz."""
    if not tilt_db:
        return waveform
    frequency_hz = np.fft.rfftfreq(len(waveform), 1 / rate_hz)
    octaves = np.log2(np.clip(frequency_hz, 125, 8000) / 1000)
    return np.fft.irfft(np.fft.rfft(waveform) * 10 ** (tilt_db * octaves / 20), n=len(waveform))
