"""What is computed once of each clip, kept on disk by content.  keys, tensors -> shards -> tensors

A store is a folder of write-once safetensors shards. They are mapped into memory and not read, so that what a
run holds of them does not grow with the corpus.
"""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import time
import uuid
from array import array
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm.auto import tqdm

from mmser.memory import release_memory
from mmser.models.batching import BatchLimits, iter_batches
from mmser.training.full_disk import is_full_disk

logger = logging.getLogger(__name__)

_CLIPS_A_SHARD = 512
_BYTES_A_SHARD = 64 * 2**20
_IN_USE_S = 3600
_HASHERS = 4  # threads


@dataclass(frozen=True)
class _Shard:
    """Tensors of several keys: one after the other along their first axis, each from its own start."""

    joined: Tensor
    starts: "array[int]"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the tensor of a key lies. A run holds one a clip and a tower, so it is small."""

    shard: _Shard
    number: int

    def get(self) -> Tensor:
        """The tensor, (R, ...): a view of the file."""
        starts = self.shard.starts
        return self.shard.joined[starts[self.number] : starts[self.number + 1]]


class EmbeddingStore:
    """Tensors by content hash; they may differ in their first axis alone.

    Every shard is written whole under another name and then renamed, so a kill leaves no half shard and two
    writers never touch the same file; what two of them computed is simply there twice.

    Args:
        folder: of the store. Its name is noted in every shard: one that came from elsewhere is not believed.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._places: dict[str, Place] = {}
        self._paths_read: set[Path] = set()
        if folder.is_dir():
            os.utime(folder)  # by which trim_stores knows when it was used
        self.read()

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def read(self) -> None:
        """Look at the shards that are new; a damaged or foreign one is deleted and computed again."""
        for path in sorted(self.folder.glob("*.safetensors")):
            if path not in self._paths_read:
                self._read_shard(path)

    def _read_shard(self, path: Path) -> None:
        self._paths_read.add(path)
        try:
            with safe_open(path, framework="pt") as file:
                about = file.metadata() or {}
                if about.get("store") != self.folder.name:
                    raise ValueError(f"it belongs to {about.get('store', 'an older version')}")
                shard = _Shard(file.get_tensor("states"), array("q", json.loads(about["starts"])))
                keys = json.loads(about["keys"])
        except FileNotFoundError:  # another process made room
            return
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            logger.warning("%s: damaged (%s); what it held is computed again.", path, error)
            path.unlink(missing_ok=True)
            return
        self._add(keys, shard)

    def _add(self, keys: Sequence[str], shard: _Shard) -> None:
        self._places.update((key, Place(shard, number)) for number, key in enumerate(keys))

    def write(self, keys: Sequence[str], tensors: Sequence[Tensor]) -> None:
        """Keep a tensor (R, ...) under each key; R may differ between them.

        On a full disk they are kept in memory, for this process and this run.
        """
        try:
            path = self.write_shard(self.folder, keys, tensors)
        except (OSError, SafetensorError) as error:
            if not is_full_disk(error):
                raise
            logger.warning(
                "%s: cannot be written (%s): %d results are kept in memory and lost with this run. Make "
                "room, or name another folder by --cache_dir or $MMSER_CACHE.",
                *(self.folder, error, len(keys)),
            )
            self._add(keys, _Shard(*_join(tensors)))
            return
        self._read_shard(path)

    @staticmethod
    def write_shard(folder: Path, keys: Sequence[str], tensors: Sequence[Tensor]) -> Path:
        """Write a shard of the store in a folder without looking at the others."""
        folder.mkdir(parents=True, exist_ok=True)
        joined, starts = _join(tensors)
        about = {"store": folder.name, "keys": json.dumps(list(keys)), "starts": json.dumps(starts.tolist())}
        partial = folder / f"{uuid.uuid4().hex}.part"
        try:
            save_file({"states": joined}, partial, metadata=about)
            final = partial.with_suffix(".safetensors")
            partial.replace(final)
        finally:
            partial.unlink(missing_ok=True)
        return final

    def find(self, key: str) -> Place:
        """Where the tensor of a key lies."""
        return self._places[key]

    def list_missing(self, keys: Sequence[str]) -> list[int]:
        """Indices of the keys that are not kept, in their order; of equal ones the first."""
        first_of: dict[str, int] = {}
        for index, key in enumerate(keys):
            if key not in self:
                first_of.setdefault(key, index)
        return list(first_of.values())

    def stack(self, keys: Iterable[str]) -> Tensor:
        """Tensors of equal shape in the order of their keys, (N, R, ...), copied into memory."""
        return torch.stack([self.find(key).get() for key in keys])


def _join(tensors: Sequence[Tensor]) -> "tuple[Tensor, array[int]]":
    starts = array("q", [0])
    for tensor in tensors:
        starts.append(starts[-1] + len(tensor))
    return torch.cat(list(tensors)).contiguous(), starts


def fill_store(
    store: EmbeddingStore,
    keys: Sequence[str],
    lengths: Sequence[float],
    compute: Callable[[list[int]], Sequence[Tensor]],
    *,
    limits: BatchLimits,
    share: tuple[int, int] = (0, 1),
) -> int:
    """Compute what ``store`` lacks, similar lengths together, and keep it.

    Args:
        store: where it is looked up and kept.
        keys: content hash of each item; items with equal keys are computed once.
        lengths: length of each item in any unit; batches are formed in this order to save padding.
        compute: indices of items -> a tensor (R, ...) of each.
        limits: of what is handed to ``compute`` at a time.
        share: (index, number) of this process among those that share the work.

    Returns:
        The number of items computed. What is computed is kept, whatever stops the rest.
    """
    missing = sorted(store.list_missing(keys), key=lambda index: (lengths[index], index))
    missing = missing[share[0] :: share[1]]
    batches = iter_batches([lengths[index] for index in missing], limits)
    pending: list[tuple[str, Tensor]] = []
    try:
        with tqdm(
            total=len(missing), desc="embed", unit="clip", disable=len(missing) <= limits.max_items
        ) as bar:
            for places in batches:
                batch = [missing[place] for place in places]
                computed = [each.cpu() for each in compute(batch)]
                pending += zip([keys[index] for index in batch], computed, strict=True)
                bar.update(len(batch))
                num_bytes = sum(each.nbytes for _, each in pending)
                if len(pending) >= _CLIPS_A_SHARD or num_bytes >= _BYTES_A_SHARD:
                    store.write(*zip(*pending, strict=True))
                    pending = []
                    release_memory()  # a freed shard is a hole that the next, a little larger, does not fit
    finally:
        if pending:
            store.write(*zip(*pending, strict=True))
    return len(missing)


def trim_stores(folder: Path, limit_bytes: float, keep: Iterable[EmbeddingStore] = ()) -> int:
    """Delete the stores that were not used for longest until the rest is no larger than a limit.

    Args:
        folder: holds the stores.
        limit_bytes: of all of them together.
        keep: stores of the run under way; they stay, and so do those used in the last hour, which another run
            may be reading.

    Returns:
        The number of stores deleted.
    """
    kept = {store.folder for store in keep}
    stores = sorted((path for path in folder.glob("*") if path.is_dir()), key=_last_use)
    sizes = {path: sum(map(_size_of, path.glob("*"))) for path in stores}
    total, deleted = sum(sizes.values()), 0
    for path in stores:
        if total <= limit_bytes:
            break
        if path not in kept and time.time() - _last_use(path) > _IN_USE_S:
            shutil.rmtree(path, ignore_errors=True)
            logger.info("%s: deleted, %.1f GB that were not used for longest.", path, sizes[path] / 1e9)
            total -= sizes[path]
            deleted += 1
    return deleted


def _last_use(path: Path) -> float:
    with contextlib.suppress(FileNotFoundError):  # another run made room
        return path.stat().st_mtime
    return time.time()


def _size_of(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):  # another run has just renamed it
        return path.stat().st_size
    return 0


def hash_weights(module: nn.Module) -> str:
    """SHA-256 over the names and hashes of a module's weights, which several threads compute."""
    weights = sorted(module.state_dict().items())
    with ThreadPoolExecutor(_HASHERS) as pool:
        hashes = pool.map(_hash_tensor, (tensor for _, tensor in weights))
        told = [f"{name} {each}" for (name, _), each in zip(weights, hashes, strict=True)]
    return hash_text("\n".join(told))


def _hash_tensor(tensor: Tensor) -> str:
    values: Any = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    return f"{tuple(tensor.shape)} {tensor.dtype} {hashlib.sha256(values).hexdigest()}"


def hash_text(text: str) -> str:
    """SHA-256 of a text: the key of a text tower's state."""
    return hashlib.sha256(text.encode()).hexdigest()
