"""Errors that say what went wrong, where, what was expected and what to do next."""

import difflib
from collections.abc import Iterable


class MmserError(Exception):
    """Base of every error that a user of mmser can cause and mend."""


class CorpusNotFoundError(MmserError):
    """A folder holds no clip of the corpora asked for."""


class UnknownNameError(MmserError):
    """A name (of a corpus, scheme, protocol, setting) that mmser does not know."""

    def __init__(self, kind: str, name: str, known: Iterable[str]):
        known = sorted(known)
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        super().__init__(f"Unknown {kind} {name!r}, expected one of {known}.{hint}")


class UnknownEmotionError(MmserError):
    """A clip whose emotion code its corpus does not define."""


class LabelFileError(MmserError):
    """A label or transcript file that does not follow its corpus's format."""


class AudioError(MmserError):
    """A clip that cannot be used; ``reason`` is the short form that dropped.csv records."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason


class OutputExistsError(MmserError):
    """An output folder that already holds something."""


class EmptySplitError(MmserError):
    """A split or class without clips where training or scoring needs some."""


class DatasetFormatError(MmserError):
    """A dataset folder that this version of mmser did not write or cannot read."""


class SettingsError(MmserError):
    """A setting whose value cannot be used."""


class CheckpointError(MmserError):
    """Weights that do not fill the model they are loaded into."""


class DuplicateClipError(MmserError):
    """Two files under one clip id."""


class LeakError(MmserError):
    """Splits that break a promise of their protocol."""


class DiskFullError(MmserError):
    """No room left to write."""


class RunFormatError(MmserError):
    """A run folder that this version of mmser did not write or cannot read."""


class DownloadError(MmserError):
    """A published file that cannot be had, or that is not what its publisher states."""


class DivergedError(MmserError):
    """A model whose answers are no numbers."""


class CacheError(MmserError):
    """A cache that does not hold what was written to it."""


class HubError(MmserError):
    """A Hub that cannot be reached, or that does not let us write."""


class NotForPublicationError(MmserError):
    """A folder that must not, or cannot usefully, be published."""


class ExportError(MmserError):
    """A model that cannot be exported, or whose export does not answer as it does."""
