"""Put files on the Hub, all of them in one commit.  files, place -> address of the commit"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from mmser.errors import HubError
from mmser.hub.place import Place
from mmser.hub.run_files import Files

_KEPT = {".gitattributes"}  # of a repository, and none of ours


def check_access(place: Place) -> str:
    """Make sure that the Hub is there and knows us.

    Returns:
        The user's name.

    Raises:
        HubError: no token, a token that is not accepted, or a Hub that cannot be reached.
    """
    token = place.token or get_token()
    if not token:
        raise HubError(
            "There is no token to write to the Hub with. Log in once by `hf auth login`, or set HF_TOKEN to "
            "one of huggingface.co/settings/tokens that may write."
        )
    with _explaining(place, "?"):
        return str(HfApi(endpoint=place.endpoint, token=token).whoami()["name"])


def upload(files: Files, place: Place, *, marker: str, message: str) -> str:
    """Make a repository hold these files and nothing else.

    Nothing is seen before all is there: one commit adds, replaces and deletes.

    Args:
        files: what it is to hold.
        place: where; made where it is not there yet.
        marker: a file by which a repository is known to hold what we wrote; one that holds others is refused.
        message: of the commit.

    Returns:
        The address of the repository.

    Raises:
        HubError: no access, the repository is not ours to write, holds something else, or is public where
            ``place`` is private.
    """
    user = check_access(place)
    api = HfApi(endpoint=place.endpoint, token=place.token or get_token())
    with _explaining(place, user):
        address = api.create_repo(
            place.name, repo_type=place.kind, private=place.private or None, exist_ok=True
        )
        info: Any = api.repo_info(place.name, repo_type=place.kind)
        present = {each.rfilename for each in info.siblings or ()} - _KEPT
        _check_repository(place, present, is_private=bool(info.private), marker=marker)
        stale = sorted(present - files.keys())
        api.create_commit(
            place.name,
            [*(_add(name, content) for name, content in files.items()), *map(_delete, stale)],
            commit_message=message,
            repo_type=place.kind,
            parent_commit=info.sha,
        )
    return str(address)


def _add(name: str, content: Path | bytes) -> CommitOperationAdd:
    return CommitOperationAdd(name, content if isinstance(content, bytes) else str(content))


def _delete(name: str) -> CommitOperationDelete:
    return CommitOperationDelete(name, is_folder=False)


def _check_repository(place: Place, present: set[str], *, is_private: bool, marker: str) -> None:
    if present - {"README.md"} and marker not in present:
        raise HubError(
            f"{place.name}: holds {', '.join(sorted(present)[:3])} and no {marker}, so mmser did not write "
            "it, and it is not replaced. Choose another name."
        )
    if place.private and not is_private:
        raise HubError(
            f"{place.name}: exists and everybody can see it, and --private was asked for. Nothing was "
            "uploaded. Make it private in its settings on the Hub, or choose another name."
        )


@contextmanager
def _explaining(place: Place, user: str) -> Iterator[None]:
    """Raise whatever the Hub or the way to it answers as one sentence with a next step."""
    hub = HfApi(endpoint=place.endpoint).endpoint
    try:
        yield
    except HfHubHTTPError as error:
        raise HubError(_explain(error, place, user)) from error
    except (OfflineModeIsEnabled, HTTPError, TimeoutError, ConnectionError) as error:
        raise HubError(
            f"{hub}: cannot be reached ({_in_one_line(error)}). Nothing was uploaded. Push again when there "
            "is a network and HF_HUB_OFFLINE is not set; --dry-run DIR shows what would be uploaded."
        ) from error
    except (
        OSError,
        RuntimeError,
        ValueError,
        KeyError,
    ) as error:  # of the transfer itself, and of the card's metadata
        raise HubError(
            f"{place.name}: the upload failed ({_in_one_line(error)}). Nothing of it can be seen, and what "
            "was sent is not sent again: push once more."
        ) from error


def _explain(error: HfHubHTTPError, place: Place, user: str) -> str:
    status = getattr(error.response, "status_code", None)
    if status == 401 and not isinstance(error, RepositoryNotFoundError):
        return (
            "The Hub does not accept the token. Log in again by `hf auth login`, or mend HF_TOKEN, which "
            "comes before it."
        )
    if status in (401, 403, 404):
        return (
            f"{place.name}: {user} may not write there ({status}). Choose a name of yours, "
            f"{user}/{place.title}, or take a token that may write to it."
        )
    if status in (409, 412):
        return (
            f"{place.name}: somebody else wrote to it at this moment ({status}). Look at it, then push again."
        )
    return (
        f"{place.name}: the Hub refused ({_in_one_line(error)}). Nothing of the upload can be seen. Push "
        "again; if it stays so, look at status.huggingface.co."
    )


def _in_one_line(error: Any) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
