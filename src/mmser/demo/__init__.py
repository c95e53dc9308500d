"""The five corpora and two towers in miniature.  seed -> files

The corpora are spoken by eSpeak NG, the towers are randomly initialised: nothing is downloaded, and the whole
line runs on them within minutes.
"""

from collections.abc import Iterable
from pathlib import Path

from mmser.demo.towers import write_demo_towers
from mmser.errors import OutputExistsError, UnknownNameError

__all__ = ["DEMO_CORPORA", "MARKER", "claim_demo_folder", "write_demo_corpora", "write_demo_towers"]

DEMO_CORPORA = ("cremad", "iemocap", "ravdess", "savee", "tess")
MARKER = ".mmser-demo"  # recipes/demo.sh deletes a folder that holds it, and no other


def claim_demo_folder(folder: Path) -> None:
    """Make a folder the demo's own, by a marker file written before anything else.

    Raises:
        OutputExistsError: it is a file, or a folder that holds what is not the demo's.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputExistsError(f"{folder}: is a file, expected a folder for the demo.")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise OutputExistsError(
            f"{folder}: holds files that are not the demo's (no {MARKER} among them), and they are never "
            "deleted. Name another folder (`make demo DEMO_DIR=…`), or empty that one."
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("Written by `mmser demo`; `make demo` deletes this folder and all in it.\n")


def write_demo_corpora(root: Path, *, seed: int = 0, corpora: Iterable[str] = DEMO_CORPORA) -> dict[str, int]:
    """Write CREMA-D, IEMOCAP, RAVDESS, SAVEE and TESS in miniature, in their published layouts.

    The same seed writes the same bytes, and each corpus the same whether others are written or not. Emotions
    are simple prosodies (``synthesis.PROSODY``): scores on these clips say that the line runs, nothing about
    people.

    Args:
        root: the folder that the corpora's folders go to.
        seed: chooses sentences and draws what varies from take to take.
        corpora: which of ``DEMO_CORPORA`` to write.

    Returns:
        Corpus -> clips written, in the order given.

    Raises:
        UnknownNameError: a corpus that the demo does not have.
        SettingsError: eSpeak NG is not installed.
    """
    import numpy as np

    from mmser.demo.dialogs import write_iemocap
    from mmser.demo.layouts import Studio, write_cremad, write_ravdess, write_savee, write_tess
    from mmser.demo.synthesis import Synthesizer

    writers = {
        "cremad": (write_cremad, "CREMA-D"),
        "iemocap": (write_iemocap, "IEMOCAP"),
        "ravdess": (write_ravdess, "RAVDESS"),
        "savee": (write_savee, "SAVEE"),
        "tess": (write_tess, "TESS"),
    }
    counts = {}
    for name in corpora:
        if name not in writers:
            raise UnknownNameError("demo corpus", name, DEMO_CORPORA)
        write, folder = writers[name]
        script, takes = np.random.default_rng([seed, DEMO_CORPORA.index(name)]).spawn(2)
        with Synthesizer(seed=seed) as synthesizer:
            counts[name] = write(Studio(synthesizer, script, takes), root / folder)
    return counts
