import subprocess
import sys

import pytest

_WATCHED = """
import sys
import filelock

def seen():
    names = "librosa.core.audio", "librosa.core.pitch", "librosa.util.utils"
    return [name for name in names if name in sys.modules]

class Watched(filelock.FileLock):
    def __enter__(self):
        print("before", *seen())
        return super().__enter__()

    def __exit__(self, *about):
        print("behind", *seen())
        super().__exit__(*about)

filelock.FileLock = Watched
import MODULE
"""


@pytest.mark.parametrize(
    "module",
    ["audio.augmentation", "features.acoustic", "features.silence", "features.spectrogram"],
)
def test_librosa_is_compiled_by_one_process_at_a_time(module):
    code = _WATCHED.replace("MODULE", f"mmser.{module}")
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == [
        "before",
        "behind librosa.core.audio librosa.core.pitch librosa.util.utils",
    ]
