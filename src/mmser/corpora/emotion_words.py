"""Which emotion a user's word stands for.  words, a map -> canonical emotions"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mmser.errors import SettingsError, UnknownNameError
from mmser.labels import EMOTIONS

SYNONYMS = {
    "angry": "anger ang mad furious",
    "bored": "boredom bor",
    "calm": "calmness relaxed",
    "disgust": "disgusted dis",
    "excited": "excitement exc",
    "fearful": "fear fea afraid scared",
    "frustrated": "frustration fru",
    "happy": "happiness hap joy joyful",
    "neutral": "neutrality neu none",
    "sad": "sadness",
    "surprised": "surprise sur",
}  # of each canonical emotion, the other words that are taken without being asked for
MAP_SUFFIXES = (".json", ".yaml", ".yml")


def normalise_word(word: str) -> str:
    """Return a word as maps hold it: upper and lower case are the same, and so are spaces around it."""
    return word.strip().casefold()


def parse_emotion_map(given: str | Path | Mapping[str, str] | None) -> dict[str, str]:
    """Read what ``--emotion-map`` takes.

    Args:
        given: "joy=happy,Wut=angry", the path of a JSON or YAML file that holds such pairs, the pairs
            themselves, or None for no map.

    Returns:
        Normalised word -> canonical emotion.

    Raises:
        SettingsError: the text holds something else than pairs, or the file cannot be read as such.
        UnknownNameError: a word is given an emotion that is not canonical.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return _check_map(given, "emotion map")
    if str(given).endswith(MAP_SUFFIXES):
        return _read_map(Path(given))
    pairs = [part.partition("=") for part in str(given).split(",")]
    for word, _, emotion in pairs:
        if not word.strip() or not emotion.strip():
            raise SettingsError(
                f"--emotion-map {given!r}: {word!r} is no pair, expected pairs such as 'joy=happy,Wut=angry' "
                f"or a file ending in {', '.join(MAP_SUFFIXES)}."
            )
    return _check_map({word: emotion.strip() for word, _, emotion in pairs}, "--emotion-map")


def find_map_beside(table: Path) -> dict[str, str]:
    """Read the map in the file beside a table that has its name and ends in .json, .yaml or .yml.

    Raises:
        SettingsError: the file does not hold pairs.
        UnknownNameError: a word is given an emotion that is not canonical.
    """
    beside = (table.with_suffix(suffix) for suffix in MAP_SUFFIXES)
    return next((_read_map(path) for path in beside if path.is_file()), {})


def make_word_table(*maps: Mapping[str, str]) -> dict[str, str]:
    """Join maps, later ones first: they come before the canonical emotions and their synonyms."""
    known = {word: emotion for emotion, words in SYNONYMS.items() for word in words.split()}
    known |= {emotion: emotion for emotion in EMOTIONS}
    for each in maps:
        known |= each
    return known


def _read_map(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        content: Any = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SettingsError(
            f"{path}: cannot be read as a map of emotion words ({error}). Expected pairs such as "
            '{"joy": "happy"}.'
        ) from error
    if not isinstance(content, dict) or not all(isinstance(emotion, str) for emotion in content.values()):
        raise SettingsError(
            f"{path}: got {type(content).__name__}, expected pairs of word and emotion such as "
            '{"joy": "happy"}.'
        )
    return _check_map(content, str(path))


def _check_map(given: Mapping[Any, str], where: str) -> dict[str, str]:
    for emotion in given.values():
        if emotion not in EMOTIONS:
            raise UnknownNameError(f"emotion in {where}", emotion, EMOTIONS)
    return {normalise_word(str(word)): emotion for word, emotion in given.items()}
