"""Learning rates by layer.  model + settings -> optimiser whose lower layers learn more slowly

Howard & Ruder 2018 (discriminative fine-tuning): the top layer learns at the learning rate, each below it at
that of the layer above times a decay. What lies below all layers (convolutions, embeddings, positions) counts
as one layer more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer

from mmser.errors import SettingsError
from mmser.training.freezing import stands_last

HEAD = "head"
_NORMS_ABOVE = ("layer_norm", "ln_f", "final_layer_norm", "norm")  # beside the layers, where they end in one


@dataclass(frozen=True)
class LayerRates:
    """Learning rates of a model.

    Attributes:
        top: of the top layer of each tower, and of the head where it has none of its own.
        decay: of each layer, relative to the one above it.
        head: of what belongs to no tower.
    """

    top: float
    decay: float = 1.0
    head: float | None = None

    def rate(self, depth: int | None) -> float:
        """Of what is ``depth`` layers below the top one; of the head if None."""
        if depth is None:
            return self.top if self.head is None else self.head
        return self.top * self.decay**depth


def set_rates(optimizer: Optimizer, towers: Mapping[str, nn.Module], rates: LayerRates) -> None:
    """Split the groups of a fresh optimiser by learning rate; the rest of each group stays as it is.

    Args:
        optimizer: of the model, before its first step.
        towers: the model's encoders, by name; whatever else the optimiser holds is the head.
        rates: what each layer learns at.

    Raises:
        SettingsError: a tower that is trained has no list of layers, or there is a decay and no such tower.
    """
    trained = {id(each) for group in optimizer.param_groups for each in group["params"]}
    places: dict[int, tuple[str, int]] = {}
    for name, tower in towers.items():
        if any(id(each) in trained for each in tower.parameters()):
            places |= dict(_iter_depths(name, tower))
    if rates.decay != 1 and not places:
        raise SettingsError(
            f"layer_lr_decay is {rates.decay:g}, but no layer of a tower is trained. Leave it at 1, or train "
            "a tower: --freeze partial, entire."
        )
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for index, group in enumerate(optimizer.param_groups):
        for parameter in group["params"]:
            owner, depth = places.get(id(parameter), (HEAD, None))
            key = (depth is None, owner, depth or 0, index)
            name = HEAD if depth is None else f"{owner}, {depth} below the top"
            fresh = {**group, "params": [], "name": name, "lr": rates.rate(depth)}
            groups.setdefault(key, fresh)["params"].append(parameter)
    optimizer.param_groups = [groups[key] for key in sorted(groups)]


def is_decayed(name: str, parameter: nn.Parameter) -> bool:
    """Whether weight decay is for this parameter: for matrices, not for biases, norms and other vectors.

    The length of a normalised weight (``original0``) is a vector, whatever its shape.
    """
    return parameter.ndim > 1 and not name.endswith("original0")


def _iter_depths(name: str, tower: Any) -> Iterator[tuple[int, tuple[str, int]]]:
    """Yield the id of each parameter of a tower, with the tower's name and its layers below the top one."""
    path, layers = _find_layers(tower)
    top = len(layers) - 1
    above = {f"{path.rpartition('.')[0]}.{norm}".lstrip(".") for norm in _NORMS_ABOVE}
    is_past_layers = stands_last(tower.config)
    for module_name, module in tower.named_modules():
        is_past_layers |= module is layers
        if module_name.startswith(path + "."):
            depth = top - int(module_name.removeprefix(path + ".").partition(".")[0])
        else:
            depth = 0 if is_past_layers and module_name in above else top + 1
        for parameter in module.parameters(recurse=False):
            yield id(parameter), (name, depth)


def _find_layers(tower: Any) -> tuple[str, nn.ModuleList]:
    """A tower's list of layers and its path: the heaviest of the lists as long as its configuration says."""
    lists = [
        (sum(each.numel() for each in module.parameters()), path, module)
        for path, module in tower.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == tower.config.num_hidden_layers
    ]
    if not lists:
        raise SettingsError(
            f"layer_lr_decay: {type(tower).__name__} has no list of {tower.config.num_hidden_layers} layers "
            "to go down. Leave it at 1, or choose another encoder."
        )
    _, path, layers = max(lists, key=lambda each: each[0])
    return path, layers
