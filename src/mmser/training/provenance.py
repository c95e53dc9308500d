"""What the weights of a model have met.  run, clips to judge it on -> what training and they share

A run may start from the tower of another run, and that one from a third. metrics.json therefore says under
``trained_on`` of each part of the model which runs have trained it, on which corpus: a list of
``{"run", "corpus", "corpus_fingerprint"}`` for "head" and for each tower, oldest first.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmser.curation.schema import load_corpus, read_corpus_json
from mmser.errors import DatasetFormatError
from mmser.evaluation.report import read_metrics
from mmser.evaluation.writing import METRICS_FILE, SETTINGS_FILE

Training = dict[str, str]  # run, corpus, corpus_fingerprint
Clips = Mapping[str, Sequence[str]] | Any  # columns "id" and "speaker", of a split or a predictions frame

_HEAD = "head"
_JUDGED_APART_FROM = (  # splits that clips to judge must not share anything with: split, its name, its role
    ("train", "training", ""),
    ("validation", "validation", ", on which the model was chosen"),
)


def trace_training(settings: Mapping[str, Any], corpus_fingerprint: str) -> dict[str, list[Training]]:
    """Say which runs train the parts of a model: this one, and those whose towers it starts from.

    Args:
        settings: of the run, by name; ``audio_encoder`` and ``text_encoder`` may be folders of runs.
        corpus_fingerprint: of the corpus that it trains on.

    Returns:
        ``trained_on`` of metrics.json.

    Raises:
        RunFormatError: a tower is the folder of a run that is not finished, or of another version.
    """
    own = {
        "run": str(settings["out"]),
        "corpus": str(settings["corpus"]),
        "corpus_fingerprint": corpus_fingerprint,
    }
    is_kept = {
        "audio_encoder": settings.get("freeze") == "classifier",
        "text_encoder": bool(settings.get("freeze_text")),
    }
    traced = {_HEAD: [own]}
    for tower, kept in is_kept.items():
        if tower in settings:
            traced[tower] = _read_training(Path(settings[tower]), tower) + ([] if kept else [own])
    return traced


def find_tower_leaks(
    trained_on: Mapping[str, Sequence[Training]], corpus_fingerprint: str, test: Clips
) -> list[str]:
    """Name what earlier training of a run's towers shares with the clips that the run is judged on.

    Args:
        trained_on: of the run.
        corpus_fingerprint: of its own corpus, whose leaks that corpus lists itself.
        test: the test split.

    Returns:
        One sentence a kind of overlap, or one that says why it was not checked.
    """
    return [
        f"{tower} from {training['run']}: {sentence}"
        for tower, trainings in trained_on.items()
        for training in trainings
        if training["corpus_fingerprint"] != corpus_fingerprint
        for sentence in _find_shared(training, test)
    ]


def find_trained_speakers(metrics: Mapping[str, Any], clips: Clips) -> list[str]:
    """Name what training and validation data of a run, and of its towers' runs, share with other clips.

    Args:
        metrics: of the run.
        clips: the clips that it is judged on.

    Returns:
        One sentence a kind of overlap, or one that says why it was not checked.
    """
    own = metrics["corpus_fingerprint"]
    return [
        *_find_shared({"corpus": metrics["settings"]["corpus"], "corpus_fingerprint": own}, clips),
        *find_tower_leaks(metrics.get("trained_on", {}), own, clips),
    ]


def _read_training(folder: Path, tower: str) -> list[Training]:
    """Which runs have trained a tower; none where its source is no run of ours."""
    if not any((folder / name).is_file() for name in (METRICS_FILE, SETTINGS_FILE)):
        return []
    metrics = read_metrics(folder)
    own = {
        "run": str(folder),
        "corpus": metrics["settings"]["corpus"],
        "corpus_fingerprint": metrics["corpus_fingerprint"],
    }
    trainings = metrics.get("trained_on", {}).get(tower, [own])
    # A run is called by the path that it was taken from, wherever it stood when it was trained.
    itself = metrics["settings"]["out"]
    return [
        training | {"run": str(folder)} if training["run"] == itself else training for training in trainings
    ]


def _find_shared(training: Mapping[str, str], clips: Clips) -> list[str]:
    folder = Path(training["corpus"])
    try:
        found_there = read_corpus_json(folder)["fingerprint"]
    except DatasetFormatError:
        return [f"not checked: the corpus that the model was trained on is no longer at {folder}"]
    if found_there != training["corpus_fingerprint"]:
        return [
            f"not checked: {folder} is another corpus by now (fingerprint {found_there}) than the one that "
            f"the model was trained on ({training['corpus_fingerprint']})"
        ]
    corpus = load_corpus(folder)
    found = []
    for split, name, role in _JUDGED_APART_FROM:
        for kind, column, judged in (("clips", "source_id", "id"), ("speakers", "speaker", "speaker")):
            shared = set(corpus[split][column]) & set(clips[judged])
            if shared:
                found.append(f"{len(shared)} {kind} were in the {name} split{role}, e.g. {min(shared)}")
    return found
