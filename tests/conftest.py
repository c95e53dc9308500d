"""What every test gets: caches of its own, and a reason where real data is not at hand."""

import os

import pytest

REAL_DATA = {
    "corpus": ("MMSER_CORPORA", "real audio: a folder with the sample corpora"),
    "weights": ("MMSER_MODELS", "real weights: whisper-tiny.en, whisper-base(.pt), minilm-l6"),
}


def pytest_collection_modifyitems(items):
    for item in items:
        for marker, (variable, what) in REAL_DATA.items():
            if item.get_closest_marker(marker) and not os.environ.get(variable):
                item.add_marker(pytest.mark.skip(reason=f"${variable} is not set ({what})"))


@pytest.fixture
def fake_listener(monkeypatch):
    """Let every clip be heard by :class:`factories_whisper.FakeListener`, which counts them."""
    from factories_whisper import FakeListener
    from mmser.curation import listeners

    monkeypatch.setattr(FakeListener, "heard", [])
    monkeypatch.setitem(listeners.BACKENDS, "openai-whisper", FakeListener)
    return FakeListener


@pytest.fixture
def hub(monkeypatch):
    """A Hub of this test's own, which this process is logged in to as "me"."""
    from huggingface_hub import constants

    from fake_hub import TOKEN, FakeHub

    with FakeHub() as found:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, found.endpoint)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", found.endpoint)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield found


@pytest.fixture(autouse=True, scope="session")
def caches(tmp_path_factory):
    """Keep tests out of the user's cache folders."""
    import datasets

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMSER_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets"))
        yield
