"""Choose what of a run's folder is published.  folder -> files, checked, by their names on the Hub

A training folder holds more than a model: checkpoints with pickled optimisers, settings, predictions of each
clip. What is published is named here, and anything that could run code when it is loaded is refused.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from mmser.errors import NotForPublicationError
from mmser.evaluation.report import PREDICTIONS_FILE, REPORT_FILE, read_metrics
from mmser.evaluation.writing import METRICS_FILE, MODEL_CONFIG_FILE, is_begun_run
from mmser.hub.privacy import without_private_parts

Files = dict[str, Path | bytes]  # name on the Hub -> the file itself, or what it holds there

WEIGHTS_FILE = "model.safetensors"
_INDEX_FILE = "model.safetensors.index.json"  # of weights in several files
_CHECKPOINTS = "checkpoints"
_AUDIO_PROCESSOR = "preprocessor_config.json"
_FUSION_PROCESSOR = ("processor_config.json", "tokenizer.json", "tokenizer_config.json")
_TOKENIZER_EXTRAS = (
    *("special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt"),
    *("spiece.model", "sentencepiece.bpe.model", "tokenizer.model"),
)
_PICKLE_SUFFIXES = {".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth", ".skops"}
_PICKLE_STARTS = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
_SUFFIXES_OF_TEXTS = {".json", ".md"}
_VOCABULARIES = {
    "tokenizer.json",
    "vocab.json",
    "added_tokens.json",
    "special_tokens_map.json",
}  # name no folder
_RELATIVE_IMPORT = re.compile(r"^\s*from\s+\.(\w+)\s+import\s", re.MULTILINE)


def choose_run_files(folder: Path) -> Files:
    """Choose weights, configuration, code, processor, scores and pictures of a finished run.

    Texts that name folders of this machine are published without them.

    Args:
        folder: of the run.

    Raises:
        NotForPublicationError: the folder is no finished run (what is missing is listed), holds pickles
            outside its checkpoints, weights that are not safetensors, or a system over hand-made features.
        RunFormatError: its metrics.json is damaged or of another version.
    """
    _check_kind(folder)
    _refuse_pickles(folder)
    config = _read_json(folder / MODEL_CONFIG_FILE)
    if "network" in config:
        raise hand_made(str(folder))
    names = [MODEL_CONFIG_FILE, METRICS_FILE, REPORT_FILE, *_weight_names(folder)]
    names += [*_processor_names(config), *_code_names(folder, config)]
    missing = [name for name in dict.fromkeys(names) if not (folder / name).is_file()]
    if missing:
        raise _unfinished(folder, missing)
    read_metrics(folder)
    _check_weights(folder)
    names += [name for name in _TOKENIZER_EXTRAS if (folder / name).is_file()]
    names += sorted(path.name for path in folder.glob("*.png"))
    return {name: _publish(folder / name) for name in dict.fromkeys(names)}


def _check_kind(folder: Path) -> None:
    if not folder.is_dir():
        raise NotForPublicationError(f"{folder}: no such folder, expected the folder of a finished run.")
    if (folder / "model.skops").is_file():
        raise hand_made(str(folder))
    if is_begun_run(folder):
        raise NotForPublicationError(
            f"{folder}: the training of this run has not finished: it has no {METRICS_FILE}. Go on with it "
            "by --resume True, then push."
        )
    needed = (MODEL_CONFIG_FILE, METRICS_FILE)
    if not all((folder / name).is_file() for name in needed):
        always = (*needed, REPORT_FILE, WEIGHTS_FILE, _AUDIO_PROCESSOR)
        raise _unfinished(folder, [name for name in always if not (folder / name).is_file()])


def hand_made(what: str) -> NotForPublicationError:
    """The error for a system whose input is features that mmser alone computes."""
    return NotForPublicationError(
        f"{what}: a system over hand-made features, which nobody could load without mmser's own code. "
        "Expected a run of train_hubert or train_fusion. Its scores are in metrics.json and report.md."
    )


def _unfinished(folder: Path, missing: list[str]) -> NotForPublicationError:
    note = ""
    if (folder / PREDICTIONS_FILE).is_file() and MODEL_CONFIG_FILE in missing:
        note = " It looks like a report of `mmser evaluate`: push the run that it judges."
    return NotForPublicationError(
        f"{folder}: not a finished run, it lacks {', '.join(missing)}.{note} Expected the folder that a "
        "recipe wrote with --out, whole."
    )


def _refuse_pickles(folder: Path) -> None:
    """Refuse what runs code as it is loaded; a recipe's own checkpoints stay here and are never read."""
    found = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] != _CHECKPOINTS and _is_pickle(path)
    )
    if found:
        raise NotForPublicationError(
            f"{folder}: holds {', '.join(found[:5])}{' …' if found[5:] else ''}, which may be pickles: they "
            f"run code when they are loaded, and no recipe writes them here. Expected weights in "
            f"{WEIGHTS_FILE} alone. Remove them, or move them out of the folder."
        )


def _is_pickle(path: Path) -> bool:
    if path.suffix in _PICKLE_SUFFIXES:
        return True
    with path.open("rb") as file:
        return file.read(2).startswith(_PICKLE_STARTS)


def _weight_names(folder: Path) -> list[str]:
    if not (folder / _INDEX_FILE).is_file():
        return [WEIGHTS_FILE]
    shards = _read_json(folder / _INDEX_FILE).get("weight_map", {}).values()
    return [_INDEX_FILE, *sorted({_plain_name(folder, str(name)) for name in shards})]


def _check_weights(folder: Path) -> None:
    for name in _weight_names(folder):
        if name == _INDEX_FILE:
            continue
        try:
            with safe_open(folder / name, framework="pt"):
                pass
        except (OSError, SafetensorError) as error:
            raise NotForPublicationError(
                f"{folder / name}: not safetensors, or cut short ({error}). Copy the run again; weights are "
                "published as safetensors alone."
            ) from error


def _processor_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    return _FUSION_PROCESSOR if config.get("text_config") else (_AUDIO_PROCESSOR,)


def _code_names(folder: Path, config: Mapping[str, Any]) -> list[str]:
    """The code that a model brings along: what configuration and processor name, and what that imports."""
    named = list(_iter_classes(config))
    for name in _processor_names(config):
        if (folder / name).is_file() and name.endswith("_config.json"):
            named += _iter_classes(_read_json(folder / name))
    waiting, found = [f"{each.rpartition('.')[0] or each}.py" for each in named], []
    while waiting:
        name = _plain_name(folder, waiting.pop())
        if name in found:
            continue
        found.append(name)
        if (folder / name).is_file():
            text = (folder / name).read_text(encoding="utf-8")
            waiting += [f"{module}.py" for module in _RELATIVE_IMPORT.findall(text)]
    return sorted(found)


def _iter_classes(config: Mapping[str, Any]) -> Iterator[str]:
    for value in (config.get("auto_map") or {}).values():
        yield from ([value] if isinstance(value, str) else [each for each in value if each])
    for pipeline in (config.get("custom_pipelines") or {}).values():
        yield pipeline["impl"]


def _plain_name(folder: Path, name: str) -> str:
    """Refuse a name that leads out of the folder, or into code on the Hub."""
    if name != Path(name).name or "--" in name:
        raise NotForPublicationError(
            f"{folder}: its configuration names {name!r}, expected files of this folder. Push a run that a "
            "recipe wrote."
        )
    return name


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotForPublicationError(f"{path}: not JSON ({error}). Copy the run again.") from error
    if not isinstance(content, dict):
        raise NotForPublicationError(f"{path}: holds no object, so no recipe wrote it. Copy the run again.")
    return content


def _publish(path: Path) -> Path | bytes:
    """The file itself, or its text where it may name folders of this machine."""
    if path.suffix not in _SUFFIXES_OF_TEXTS or path.name in _VOCABULARIES:
        return path
    return without_private_parts(path.read_text(encoding="utf-8")).encode()
