import socket
import sys

import pytest

pytest.importorskip("streamlit", reason="the page is made by Streamlit: pip install mmser[app]")

from factories_runs import save_model
from mmser.app import serving
from mmser.app.equipment import load_equipment
from mmser.cli import main


@pytest.fixture
def run(tmp_path):
    yield save_model(tmp_path / "runs" / "hubert", "hubert")
    load_equipment.cache_clear()


@pytest.fixture
def served(monkeypatch):
    """What would be served."""
    calls = []
    monkeypatch.setattr(serving, "serve", lambda *args, **kwargs: calls.append((*args, kwargs)))
    return calls


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    return str(free)


def test_the_page_is_served_as_asked(run, served, port, capsys):
    options = ["--port", port, "--host", "127.0.0.1", "--max-upload-mb", "5", "--max-minutes", "0.5"]
    assert (
        main(["app", str(run), *options, "--abstain-below", "0.4", "--dtype", "bfloat16", "--no-browser"])
        == 0
    )
    ((settings, address, choices),) = served
    assert (settings.run, settings.abstain_below, settings.dtype) == (str(run), 0.4, "bfloat16")
    assert (settings.limits.max_minutes, settings.limits.max_upload_mb) == (0.5, 5)
    assert (address.host, str(address.port), choices) == ("127.0.0.1", port, {"opens_browser": False})
    assert f"The page is at http://127.0.0.1:{port} (Ctrl-C stops it)." in capsys.readouterr().out


def test_who_lets_other_machines_in_is_told_of_their_microphones(run, served, port, capsys):
    assert main(["app", str(run), "--port", port, "--host", "0.0.0.0"]) == 0  # noqa: S104 - nothing listens
    assert "their browsers give no microphone to pages without https" in capsys.readouterr().out


def test_a_folder_without_weights_is_wrong_usage(run, served, port, capsys):
    (run / "model.safetensors").unlink()
    assert main(["app", str(run), "--port", port]) == 2
    assert "model.safetensors" in capsys.readouterr().err
    assert not served


@pytest.mark.parametrize(
    ("file", "message"),
    [("model.skops", "a system over hand-made features"), ("notes.txt", "holds no model that mmser knows")],
)
def test_a_folder_of_something_else_is_wrong_usage(tmp_path, served, port, capsys, file, message):
    (tmp_path / file).touch()
    assert main(["app", str(tmp_path), "--port", port]) == 2
    assert message in capsys.readouterr().err


def test_a_precision_that_is_none_is_wrong_usage(run, served, port, capsys):
    assert main(["app", str(run), "--port", port, "--dtype", "nonsense"]) == 2
    assert "Unknown dtype 'nonsense'" in capsys.readouterr().err
    assert not served


def test_a_busy_port_is_told_before_the_model_is_loaded(served, capsys):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        assert main(["app", "no-run", "--port", str(taken), "--host", "127.0.0.1"]) == 2
    assert f"--port {taken} is taken on 127.0.0.1. The next free one is " in capsys.readouterr().err


def test_without_streamlit_it_is_told_how_to_install_it(served, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "streamlit", None)
    assert main(["app", "no-run"]) == 2
    assert 'Streamlit, which is not installed: pip install "mmser[app]"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-minutes", "0"], "--max-minutes is 0, expected minutes above 0"),
        (["--max-upload-mb", "-1"], "--max-upload-mb is -1, expected megabytes from 1"),
    ],
)
def test_limits_that_let_nothing_in_are_wrong_usage(served, capsys, options, message):
    assert main(["app", "no-run", *options]) == 2
    assert message in capsys.readouterr().err
