import pytest
from factories_corpus import write_corpus
from factories_models import save_audio_checkpoint, save_text_checkpoint


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A corpus of 24 + 12 + 12 tones."""
    return write_corpus(tmp_path_factory.mktemp("corpus") / "tones")


@pytest.fixture(scope="session")
def towers(tmp_path_factory):
    """Folders of tiny random encoders, by kind."""
    folder = tmp_path_factory.mktemp("towers")
    speech = {kind: str(save_audio_checkpoint(kind, folder / kind)) for kind in ("hubert", "whisper")}
    return {**speech, "bert": str(save_text_checkpoint("bert", folder / "bert"))}
