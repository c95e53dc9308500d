"""Hand-made features are computed once.  rows of a corpus -> features (N, ...), kept on disk by content"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from datasets import Dataset, Features, Value

from mmser.curation.rows import map_rows, read_columns
from mmser.curation.schema import decode_audio
from mmser.curation.store import default_cache_dir
from mmser.errors import EmptySplitError, SettingsError, UnknownNameError
from mmser.evaluation.writing import replacing
from mmser.features.acoustic import FAMILIES, compute_families, compute_mlp_features, compute_paper94
from mmser.features.egemaps import compute_egemaps
from mmser.features.silence import compute_silence
from mmser.features.spectrogram import compute_logmel, compute_mfcc80
from mmser.training.collation import class_targets
from mmser.training.embedding_cache import EmbeddingStore

_VERSION = 1  # raise it when a feature of mmser.features gives other values
_CLIPS_A_SHARD = 128
_MIN_CLIPS_PER_PROCESS = 50  # a second of work: a process costs as much

FEATURES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = MappingProxyType(
    {
        "paper94": compute_paper94,
        "mlp180": compute_mlp_features,
        "mfcc80": compute_mfcc80,
        "logmel": compute_logmel,
        "egemaps": compute_egemaps,
        "silence": compute_silence,
        "families": partial(compute_families, families=tuple(FAMILIES)),
        **{name: partial(compute_families, families=(name,)) for name in FAMILIES},
    }
)
_LIBRARIES: Mapping[str, Sequence[str]] = (
    MappingProxyType(  # whose versions tell cached values; librosa's else
        {
            "egemaps": ("opensmile",),
            "wavelet": ("librosa", "pywavelets"),
            "families": ("librosa", "pywavelets"),
        }
    )
)


def compute_features(
    rows: Dataset, name: str, *, cache_dir: Path | None = None, num_proc: int | None = None
) -> np.ndarray:
    """Compute a feature of every clip, or find it where it was kept.

    Args:
        rows: with ``audio`` and ``sha256``, as :func:`mmser.load_corpus` gives them.
        name: of ``FEATURES``.
        cache_dir: the cache folder; None for mmser's own.
        num_proc: worker processes; None for one a core.

    Returns:
        float32 (N, ...), in the order of the rows. What a killed run computed is kept, in shards.

    Raises:
        UnknownNameError: no feature has that name.
        EmptySplitError: there are no rows.
        SettingsError: the library of an optional feature is not installed.
    """
    if name not in FEATURES:
        raise UnknownNameError("feature", name, FEATURES)
    if not len(rows):
        raise EmptySplitError(
            f"No clip to compute {name} of: the {rows.split or 'given'} split is empty. Build another "
            "protocol or fold."
        )
    (keys,) = read_columns(rows, ("sha256",))
    folder = (cache_dir or default_cache_dir()) / "features" / f"{name}-{_VERSION}-{_versions(name)}"
    store = EmbeddingStore(folder)
    if missing := store.list_missing(keys):
        _fill(rows.select_columns(["audio", "sha256"]).select(missing), name, folder, num_proc)
        store.read()
    return store.stack(keys).numpy()


def _versions(name: str) -> str:
    try:
        return "-".join(version(library) for library in _LIBRARIES.get(name, ("librosa",)))
    except PackageNotFoundError as error:  # opensmile alone is optional
        raise SettingsError(f"{name} needs {error.name}: pip install 'mmser[opensmile]'.") from error


def _fill(rows: Dataset, name: str, folder: Path, num_proc: int | None) -> None:
    most = -(-len(rows) // _MIN_CLIPS_PER_PROCESS)
    map_rows(
        rows.with_format(None),
        partial(_compute_shard, name=name, folder=folder),
        batched=True,
        batch_size=_CLIPS_A_SHARD,
        num_proc=max(1, min(num_proc or os.cpu_count() or 1, most)),
        remove_columns=rows.column_names,
        features=Features({"done": Value("bool")}),
        keep_in_memory=True,
        desc=f"Computing {name}",
    )


def _compute_shard(batch: Mapping[str, Sequence[Any]], name: str, folder: Path) -> dict[str, list[bool]]:
    compute = FEATURES[name]
    values = [torch.from_numpy(compute(decode_audio(audio))) for audio in batch["audio"]]
    EmbeddingStore.write_shard(folder, batch["sha256"], values)
    return {"done": [True] * len(values)}


def write_hdf5(path: Path, corpus: Mapping[str, Dataset], features: Mapping[str, np.ndarray]) -> None:
    """Write features as Khan et al. kept them, whole or not at all.

    A group for each split holds ``features``, ``id``, ``speaker`` and ``label``: the class number (N,), or
    where clips of the corpus have several classes 0 or 1 a class, (N, C).

    Args:
        path: the file, which must not be there.
        corpus: split -> rows.
        features: split -> (N, ...), in the order of the rows.

    Raises:
        SettingsError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise SettingsError("HDF5 needs h5py: pip install 'mmser[baselines]'.") from error
    several = any(None in rows["label"] for rows in corpus.values())
    with replacing(path) as part, h5py.File(part, "w") as file:
        for split, rows in corpus.items():
            ids, speakers, labels = read_columns(rows, ("id", "speaker", "label"))
            group = file.create_group(split)
            group.create_dataset("features", data=features[split], compression="gzip")
            group.create_dataset("label", data=np.array(class_targets(rows) if several else labels, np.int64))
            for name, texts in (("id", ids), ("speaker", speakers)):
                group.create_dataset(name, data=texts, dtype=h5py.string_dtype())
            file.attrs["classes"] = rows.features["label"].names
