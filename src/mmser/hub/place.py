"""Where on the Hub something goes.  "user/name" -> Place"""

import re
from dataclasses import dataclass
from typing import Literal

from mmser.errors import SettingsError

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_NAME = re.compile(rf"{_PART}/{_PART}")
_MAX_LETTERS = 96  # of the Hub


@dataclass(frozen=True)
class Place:
    """A repository on the Hub, there already or not.

    Attributes:
        name: "user/name", or "organization/name".
        kind: of what it holds.
        private: whether it must be seen by its owners alone.
        token: to write with; None for the one that this machine is logged in with.
        endpoint: the Hub's address; None for ``$HF_ENDPOINT``, else the public one.

    Raises:
        SettingsError: the name is not of that form.
    """

    name: str
    kind: Literal["model", "dataset"] = "model"
    private: bool = False
    token: str | None = None
    endpoint: str | None = None

    def __post_init__(self) -> None:
        """Check the name as the Hub does."""
        is_odd = "--" in self.name or ".." in self.name or self.name.endswith(".git")
        if not _NAME.fullmatch(self.name) or len(self.name) > _MAX_LETTERS or is_odd:
            raise SettingsError(
                f"{self.name!r} is no name on the Hub, expected user/name (or organization/name): letters, "
                "digits, '-', '_' and '.', e.g. me/my-recognizer."
            )

    @property
    def title(self) -> str:
        """The name without its owner."""
        return self.name.partition("/")[2]

    def __repr__(self) -> str:
        """Leave out the token."""
        return f"Place({self.name!r}, {self.kind!r}, private={self.private})"
