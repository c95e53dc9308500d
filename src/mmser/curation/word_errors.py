"""Say how well clips were understood.  clips, transcripts -> counts of flags, word error rate by corpus"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jiwer

from mmser.curation.transcripts import Transcript
from mmser.curation.writing import write_table
from mmser.wording import count_of

TRANSCRIPTS_CSV = "transcripts.csv"


class HeardText(NamedTuple):
    """A clip, what Whisper heard in it, and what is said by the corpus, "" where it does not tell."""

    id: str
    corpus: str
    reference: str
    heard: Transcript


def describe_transcripts(clips: Sequence[HeardText], language: str) -> dict[str, Any]:
    """Count what was flagged, and measure the word error rate against the corpora's own sentences.

    Args:
        clips: all that were transcribed.
        language: code of the language that is spoken; it decides how texts are normalised.

    Returns:
        ``clips`` and ``flags``, numbers; for corpora that tell what is said ``word_error_rate``, errors per
        word of the references, and ``num_compared``, clips.
    """
    compared: dict[str, list[tuple[str, str]]] = {}
    normalize = make_normalizer(language)
    for clip in clips:
        reference = normalize(clip.reference)
        if reference:
            compared.setdefault(clip.corpus, []).append((reference, normalize(clip.heard.text)))
    return {
        "clips": len(clips),
        "flags": dict(sorted(Counter(clip.heard.flag for clip in clips if clip.heard.flag).items())),
        "word_error_rate": {name: word_error_rate(pairs) for name, pairs in sorted(compared.items())},
        "num_compared": {name: len(pairs) for name, pairs in sorted(compared.items())},
    }


def word_error_rate(pairs: Sequence[tuple[str, str]]) -> float:
    """Words to replace, delete and insert, per word of the references, over (reference, transcript) pairs."""
    references, transcripts = zip(*pairs, strict=True)
    return float(jiwer.wer(list(references), list(transcripts)))


def make_normalizer(language: str) -> Any:
    """Return Whisper's own normalisation of a language's text: case, punctuation, numbers, contractions."""
    from whisper.normalizers import BasicTextNormalizer, EnglishTextNormalizer

    normalize = EnglishTextNormalizer() if language == "en" else BasicTextNormalizer()
    return lambda text: " ".join(normalize(text).split())


def list_lines(heard: Mapping[str, Any]) -> list[str]:
    """Say in sentences what :func:`describe_transcripts` found."""
    lines = [
        f"{name}: word error rate {100 * rate:.1f} % over {count_of(heard['num_compared'][name], 'clip')}"
        for name, rate in heard["word_error_rate"].items()
    ]
    flags = heard["flags"]
    emptied = ", ".join(f"{flag} {count:,}" for flag, count in flags.items())
    lines.append(
        f"emptied: {sum(flags.values()):,} of {heard['clips']:,}" + (f" ({emptied})" if flags else "")
    )
    return lines


def write_transcripts(path: Path, clips: Iterable[HeardText]) -> None:
    """Write transcripts.csv: what was heard in each clip beside its reference, with Whisper's scores."""
    header = ("id", "transcript", "reference", "flag", "avg_logprob", "no_speech_prob", "compression_ratio")
    rows = (
        (
            clip.id,
            clip.heard.text,
            clip.reference,
            clip.heard.flag,
            *(f"{getattr(clip.heard, name):.4f}" for name in header[-3:]),
        )
        for clip in sorted(clips, key=lambda clip: clip.id)
    )
    write_table(path, [header, *rows])
