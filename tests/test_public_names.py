import subprocess
import sys

import pytest

import mmser


def test_importing_mmser_loads_no_heavy_library():
    code = (
        "import sys, mmser; print([name for name in ('numpy', 'torch', 'transformers', 'datasets') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", mmser.__all__)
def test_every_public_name_can_be_had(name):
    assert getattr(mmser, name) is not None


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(
        AttributeError, match=r"no attribute 'recognise'; public names are .*EmotionRecognizer"
    ):
        mmser.recognise  # noqa: B018
