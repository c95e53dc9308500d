"""--push_to_hub: publish a run once, when it is finished.  arguments, run -> model on the Hub

transformers' Trainer would push each checkpoint, with a card of its own that knows neither protocol nor
leaks. It is kept from doing so; what `mmser push` does is done instead.
"""

import logging
from pathlib import Path

from transformers import TrainingArguments

from mmser.errors import HubError, MmserError, SettingsError
from mmser.hub.place import Place
from mmser.hub.publishing import push_run
from mmser.hub.upload import check_access

logger = logging.getLogger(__name__)

_OF_CHECKPOINTS = ("checkpoint", "all_checkpoints")  # of hub_strategy: what is not done here


def check_publication(arguments: TrainingArguments) -> None:
    """Make sure, before hours of work, that a run that is to be pushed can be.

    Args:
        arguments: transformers' own.

    Raises:
        SettingsError: there is no name, it is no name on the Hub, or checkpoints are to be pushed.
        HubError: no token, one that is not accepted, or a Hub that cannot be reached.
    """
    place = _read_place(arguments)
    if place and arguments.process_index == 0:
        check_access(place)


def take_place(arguments: TrainingArguments) -> Place | None:
    """Take the wish to push over from Trainer: ``push_to_hub`` is off in the arguments afterwards.

    Args:
        arguments: transformers' own.

    Returns:
        Where the finished run goes; None where it is not to be pushed.

    Raises:
        SettingsError: as :func:`check_publication`.
    """
    place = _read_place(arguments)
    arguments.push_to_hub = False
    return place


def refuse_place(arguments: TrainingArguments, what: str) -> None:
    """Refuse to push what nobody could load.

    Raises:
        SettingsError: ``push_to_hub`` is on.
    """
    if arguments.push_to_hub:
        raise SettingsError(
            f"push_to_hub is on, but {what} is over hand-made features and needs mmser's own code, so it is "
            "not published. Leave it off; the scores are in metrics.json and report.md."
        )


def publish_run(out: Path, place: Place) -> str:
    """Push a finished run, and say what to do where that fails: the run itself is whole.

    Returns:
        The address.

    Raises:
        HubError: it cannot be pushed.
    """
    try:
        address = push_run(out, place)
    except MmserError as error:
        command = f"mmser push {out} {place.name}" + (" --private" if place.private else "")
        raise HubError(f"{error} The run is finished and whole in {out}; push it later: {command}") from error
    logger.info("Pushed to %s", address)
    return address


def _read_place(arguments: TrainingArguments) -> Place | None:
    if not arguments.push_to_hub:
        return None
    if not arguments.hub_model_id:
        raise SettingsError(
            "push_to_hub is on and hub_model_id is not given. Say where to: --hub_model_id user/name."
        )
    strategy = getattr(arguments.hub_strategy, "value", arguments.hub_strategy)
    if strategy in _OF_CHECKPOINTS or arguments.hub_always_push or arguments.hub_revision:
        raise SettingsError(
            "hub_strategy, hub_always_push and hub_revision are about checkpoints and branches, and a run is "
            "pushed once, finished, to main. Leave them out."
        )
    private, token = bool(arguments.hub_private_repo), arguments.hub_token
    return Place(arguments.hub_model_id, private=private, token=token)
