"""Frozen towers are computed once.  clips -> pooled states (N, D), kept on disk by content"""

import hashlib
import json
import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm.auto import tqdm

logger = logging.getLogger(__name__)

_ROWS_A_SHARD = 512


class EmbeddingStore:
    """Pooled states of one tower, by content hash, in a folder of write-once safetensors shards.

    Every shard is written whole under another name and then renamed, so a kill leaves no half shard and two
    writers never touch the same file; a state that two of them computed is simply there twice.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.rows: dict[str, Tensor] = {}
        self._shards_read: set[Path] = set()
        self.read()

    def read(self) -> None:
        """Read the shards that are new since the last look; a damaged one is deleted and computed again."""
        for path in sorted(self.folder.glob("*.safetensors")):
            if path in self._shards_read:
                continue
            self._shards_read.add(path)
            try:
                with safe_open(path, framework="pt") as shard:
                    keys = json.loads(shard.metadata()["keys"])
                    self.rows.update(zip(keys, shard.get_tensor("states"), strict=True))
            except (SafetensorError, KeyError, ValueError, TypeError) as error:
                logger.warning("%s: damaged (%s); its states are computed again.", path, error)
                path.unlink(missing_ok=True)

    def write(self, keys: Sequence[str], states: Tensor) -> None:
        """Keep ``states`` (N, ...) under ``keys``, one each."""
        self._shards_read.add(self.write_shard(self.folder, keys, states))
        self.rows.update(zip(keys, states, strict=True))

    @staticmethod
    def write_shard(folder: Path, keys: Sequence[str], states: Tensor) -> Path:
        """Write a shard of the store in a folder without reading the others."""
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{uuid.uuid4().hex}.part"
        save_file({"states": states.contiguous()}, partial, metadata={"keys": json.dumps(list(keys))})
        final = partial.with_suffix(".safetensors")
        partial.replace(final)
        return final

    def stack(self, keys: Iterable[str]) -> Tensor:
        """States of ``keys`` in their order, (N, ...)."""
        return torch.stack([self.rows[key] for key in keys])


def fill_store(
    store: EmbeddingStore,
    keys: Sequence[str],
    lengths: Sequence[float],
    compute: Callable[[list[int]], Tensor],
    *,
    batch_size: int,
    share: tuple[int, int] = (0, 1),
) -> int:
    """Compute the states that ``store`` lacks, similar lengths together, and keep them.

    Args:
        store: where states are looked up and kept.
        keys: content hash of each item; items with equal keys are computed once.
        lengths: length of each item in any unit; batches are formed in this order to save padding.
        compute: indices of items -> their states (len, D).
        batch_size: items handed to ``compute`` at a time.
        share: (index, number) of this process among those that share the work.

    Returns:
        The number of items computed.
    """
    first_of = {key: index for index, key in reversed(list(enumerate(keys)))}
    missing = [index for key, index in first_of.items() if key not in store.rows]
    missing.sort(key=lambda index: (lengths[index], index))
    missing = missing[share[0] :: share[1]]
    with tqdm(total=len(missing), desc="embed", unit="clip", disable=len(missing) <= batch_size) as progress:
        for start in range(0, len(missing), _ROWS_A_SHARD):
            shard, states = missing[start : start + _ROWS_A_SHARD], []
            for first in range(0, len(shard), batch_size):
                batch = shard[first : first + batch_size]
                states.append(compute(batch).float().cpu())
                progress.update(len(batch))
            store.write([keys[index] for index in shard], torch.cat(states))
    return len(missing)


def hash_weights(module: nn.Module) -> str:
    """SHA-256 over the names and values of a module's weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def hash_text(text: str) -> str:
    """SHA-256 of a text: the key of a text tower's state."""
    return hashlib.sha256(text.encode()).hexdigest()
