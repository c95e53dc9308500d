"""Make classes equally large: cut the larger, plan copies for the smaller.  clips -> clips and copies

Nothing is heard here: :mod:`mmser.curation.writing` carries the plan out.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mmser.curation.drawing import ClipKey, shuffled
from mmser.errors import EmptySplitError, SettingsError, UnknownNameError


@dataclass(frozen=True)
class BalanceTo:
    """How many clips each class is to have.

    Attributes:
        enabled: False leaves all classes as they are.
        every: for each class that ``per_class`` does not name; None: the protocol's own number.
        per_class: class -> clips.
    """

    enabled: bool = True
    every: int | None = None
    per_class: Mapping[str, int] = field(default_factory=dict)


def parse_balance_to(text: str | None) -> BalanceTo:
    """Read what ``--balance-to`` takes: "none", "2000", "happy=1998,surprised=1858"; None is the default.

    Raises:
        SettingsError: the text is none of these.
    """
    if text is None:
        return BalanceTo()
    if text.strip().lower() == "none":
        return BalanceTo(enabled=False)
    if "=" not in text:
        return BalanceTo(every=_parse_count(text, text))
    pairs = [part.partition("=") for part in text.split(",")]
    names = [name.strip() for name, _, _ in pairs]
    if len(set(names)) < len(names):
        raise SettingsError(f"--balance-to {text!r} names a class twice.")
    return BalanceTo(per_class={name.strip(): _parse_count(count, text) for name, _, count in pairs})


def compute_targets(
    clips: Sequence[ClipKey], classes: Sequence[str], balance_to: BalanceTo, default: int | None
) -> dict[str, int]:
    """Return how many clips each class is to have.

    Args:
        clips: the clips to balance.
        classes: all classes.
        balance_to: what was asked for.
        default: the protocol's own number; None: as many as the largest class of ``clips`` has.

    Raises:
        UnknownNameError: ``balance_to`` names a class that is not one of ``classes``.
    """
    counts = dict.fromkeys(classes, 0)
    for clip in clips:
        counts[clip.label] += 1
    for name in balance_to.per_class:
        if name not in counts:
            raise UnknownNameError("class in --balance-to", name, classes)
    if not balance_to.enabled:
        return counts
    every = balance_to.every or default or max(counts.values())
    return dict.fromkeys(classes, every) | dict(balance_to.per_class)


def balance_train(
    clips: Sequence[ClipKey], targets: Mapping[str, int], *, seed: int
) -> tuple[list[ClipKey], list[ClipKey]]:
    """Plan which clips stay and which copies are made; the same under any input order.

    A class larger than its target loses clips chosen by the seed. A smaller one gets copies, spread over its
    clips so that no clip has two more than another.

    Args:
        clips: originals.
        targets: clips of each class afterwards.
        seed: chooses.

    Returns:
        Clips and copies, "#2" and on behind the id, sorted by id; and the clips that were cut.

    Raises:
        EmptySplitError: a class has no clip to copy.
    """
    clips_of = defaultdict(list)
    for clip in sorted(clips):
        clips_of[clip.label].append(clip)
    balanced: list[ClipKey] = []
    cut: list[ClipKey] = []
    for label, target in targets.items():
        originals = clips_of[label]
        if not originals and target:
            raise EmptySplitError(f"Class {label!r} has no training clip, {target} are to be made of it.")
        order = shuffled(originals, f"{seed}/{label}")
        balanced += order[:target]
        cut += order[target:]
        balanced += [
            _copy_of(order[number % len(order)], number // len(order) + 1)
            for number in range(len(order), target)
        ]
    return sorted(balanced), sorted(cut)


def _copy_of(clip: ClipKey, copy: int) -> ClipKey:
    return clip._replace(id=f"{clip.id}#{copy}", source_id=clip.id, copy=copy)


def _parse_count(text: str, whole: str) -> int:
    if not text.strip().isdecimal() or int(text) == 0:
        raise SettingsError(
            f"--balance-to {whole!r}: {text.strip()!r} is not a number of clips, expected 'none', a number"
            " such as '2000', or numbers of classes such as 'happy=1998,surprised=1858'."
        )
    return int(text)
