import socket

import pytest

from fake_hub import OTHER_TOKEN, TOKEN
from mmser.errors import HubError
from mmser.hub.place import Place
from mmser.hub.upload import check_access, upload

FILES = {
    "metrics.json": b"{}",
    "model.safetensors": b"weights",
    "README.md": b"---\nlicense: mit\n---\n# a\n",
}


def push(place, files=FILES):
    return upload(files, place, marker="metrics.json", message="Push by mmser")


def written(hub):
    """Requests that change something."""
    return [path for method, path in hub.requests if method in ("POST", "PUT") and "validate" not in path]


def test_all_files_arrive_in_one_commit(hub, tmp_path):
    (tmp_path / "weights").write_bytes(b"from a file")
    address = push(Place("me/voice"), FILES | {"model.safetensors": tmp_path / "weights"})
    assert address == f"{hub.endpoint}/me/voice"
    assert hub.model("me/voice") == {
        ".gitattributes": hub.model("me/voice")[".gitattributes"],
        **FILES,
        "model.safetensors": b"from a file",
    }
    assert written(hub).count("/api/models/me/voice/commit/main") == 1


def test_a_dataset_is_kept_apart_from_a_model_of_that_name(hub):
    address = push(Place("me/voice", "dataset"))
    assert address == f"{hub.endpoint}/datasets/me/voice"
    assert hub.dataset("me/voice")["model.safetensors"] == b"weights"
    assert ("models", "me/voice") not in hub.repositories


def test_a_second_push_takes_the_place_of_the_first(hub):
    push(Place("me/voice"), FILES | {"old.safetensors": b"stale"})
    push(Place("me/voice"), FILES | {"metrics.json": b'{"ua": 1}'})
    assert set(hub.model("me/voice")) == {".gitattributes", *FILES}
    assert hub.model("me/voice")["metrics.json"] == b'{"ua": 1}'


def test_what_others_wrote_is_not_replaced(hub):
    hub.add("me/voice", notes__txt=b"dear diary")
    with pytest.raises(HubError, match=r"me/voice: holds notes\.txt and no metrics\.json, so mmser did not"):
        push(Place("me/voice"))
    assert "/api/models/me/voice/commit/main" not in written(hub)


def test_a_repository_with_a_card_alone_is_filled(hub):
    hub.add("me/voice", README__md=b"# soon")
    push(Place("me/voice"))
    assert hub.model("me/voice")["README.md"] == FILES["README.md"]


@pytest.mark.parametrize("private", [True, False])
def test_a_new_repository_is_private_where_asked(hub, private):
    push(Place("me/voice", private=private))
    assert hub.repositories["models", "me/voice"].private is private


def test_nothing_private_is_put_where_everybody_sees_it(hub):
    hub.add("me/voice", metrics__json=b"{}")
    with pytest.raises(
        HubError, match=r"exists and everybody can see it, and --private was asked for\. Nothing"
    ):
        push(Place("me/voice", private=True))
    assert hub.model("me/voice")["metrics.json"] == b"{}"


@pytest.mark.parametrize("exists", [True, False])
def test_a_name_of_somebody_else_is_refused_with_one_that_would_do(hub, exists):
    if exists:
        hub.add("other/voice", metrics__json=b"{}")
    with pytest.raises(
        HubError, match=r"other/voice: me may not write there \(403\)\. Choose .*, me/voice, or"
    ):
        push(Place("other/voice"))
    assert hub.large == {}


def test_a_token_of_the_place_comes_before_that_of_the_machine(hub):
    push(Place("other/voice", token=OTHER_TOKEN))
    assert hub.model("other/voice")["metrics.json"] == b"{}"


def test_without_a_token_the_remedy_is_named(hub, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("mmser.hub.upload.get_token", lambda: None)
    with pytest.raises(HubError, match=r"no token .*Log in once by `hf auth login`, or set HF_TOKEN"):
        check_access(Place("me/voice"))
    assert hub.requests == []


def test_a_token_that_is_not_accepted_is_told_from_a_missing_right(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN + "x")
    with pytest.raises(
        HubError, match=r"does not accept the token\. Log in again by `hf auth login`, or mend"
    ):
        push(Place("me/voice"))


def test_whoever_is_logged_in_is_told(hub):
    assert check_access(Place("me/voice")) == "me"


def test_without_a_network_the_next_step_is_named(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"  # bound, and nobody listens
        with pytest.raises(HubError, match=rf"{endpoint}: cannot be reached .*--dry-run DIR") as error:
            push(Place("me/voice", token=TOKEN, endpoint=endpoint))
    assert "\n" not in str(error.value)


def test_where_the_hub_is_switched_off_that_is_said(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match=r"cannot be reached .*HF_HUB_OFFLINE is not set"):
        push(Place("me/voice"))
    assert hub.requests == []


@pytest.mark.parametrize(
    ("part", "status", "message"),
    [
        ("/commit/", 412, r"somebody else wrote to it at this moment \(412\)"),
        ("/commit/", 500, r"the Hub refused .*Nothing of the upload can be seen\. Push again"),
        ("/large/", 400, r"the upload failed \(Error while uploading 'model\.safetensors'"),
    ],
)
def test_a_push_that_breaks_off_leaves_nothing_to_see(hub, part, status, message):
    hub.failing[part] = status
    with pytest.raises(HubError, match=message):
        push(Place("me/voice"))
    assert set(hub.model("me/voice")) == {".gitattributes"}


def test_a_card_that_the_hub_cannot_read_stops_the_push_before_any_file(hub):
    with pytest.raises(HubError, match=r"upload failed \(Invalid metadata in README\.md"):
        push(Place("me/voice"), FILES | {"README.md": b"---\nlicense: [\n---\n"})
    assert hub.large == {}


def test_an_answer_that_is_none_of_the_hubs_is_an_error_of_ours(hub, monkeypatch):
    monkeypatch.setattr(
        "fake_hub._Handler.send_json", lambda self, content: self.send(b"<html>log in</html>")
    )
    with pytest.raises(HubError, match="the upload failed"):
        push(Place("me/voice"))


def test_a_token_is_in_no_message(hub):
    hub.failing["/commit/"] = 500
    with pytest.raises(HubError) as error:
        push(Place("me/voice", token=TOKEN))
    assert TOKEN not in str(error.value)
