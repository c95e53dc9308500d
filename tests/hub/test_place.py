import pytest

from mmser.errors import SettingsError
from mmser.hub.place import Place


@pytest.mark.parametrize("name", ["me/my-recognizer", "an_org/v1.2", "a/b"])
def test_a_name_is_an_owner_and_a_title(name):
    assert Place(name).title == name.split("/")[1]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "recognizer",
            "me/",
            "/recognizer",
            "me/a/b",
            "me/a b",
            "../me/a",
            "me/..",
            "me/.a",
            "me/a-",
            "me/a--b",
        ),
        *("me/a.git", "https://huggingface.co/me/a", "me\\a", "", "me/" + "a" * 94, "-me/a"),
    ],
)
def test_a_name_that_the_hub_would_refuse_is_refused_here(name):
    with pytest.raises(SettingsError, match=r"is no name on the Hub, expected user/name .* me/my-recognizer"):
        Place(name)


def test_a_place_does_not_show_its_token():
    assert "secret" not in repr(Place("me/a", token="secret"))  # noqa: S106 - the word, and no token
