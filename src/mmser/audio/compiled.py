"""librosa, whose compiled functions are made by one process at a time.  importing this -> librosa, ready

Numba keeps a compiled gufunc in two files. Processes that compile at once may leave a pair that does not
belong together, and who loads it crashes (https://github.com/numba/numba/issues/10128). Importing a module of
librosa compiles its gufuncs or loads them, so the first import of each that we use waits for a lock.
"""

import os
import tempfile
from pathlib import Path

from filelock import FileLock

_USER = os.getuid() if hasattr(os, "getuid") else ""
LOCK = Path(tempfile.gettempdir()) / f"mmser-librosa-{_USER}.lock"

with FileLock(LOCK):
    import librosa
    import librosa.core.audio
    import librosa.core.pitch
    import librosa.util.utils

__all__ = ["LOCK", "librosa"]
