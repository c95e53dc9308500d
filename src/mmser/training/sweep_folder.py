"""Begin a sweep, or go on with one that was cut.  folder, settings -> what was said so far

A sweep's folder holds the settings that it was begun with, and what each model that was tried said of the
clips held out from it: a file each, written as it is computed, whole or not at all.
"""

import json
import logging
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mmser.errors import OutputExistsError
from mmser.evaluation.predictions import read_predictions, write_predictions
from mmser.evaluation.report import read_metrics
from mmser.evaluation.writing import METRICS_FILE, is_begun_run, replacing
from mmser.training.resuming import MAY_CHANGE_ON_RESUME

logger = logging.getLogger(__name__)
SWEEP_FILE = "sweep.json"
_TRIED_FOLDER = "tried"


class SweepFolder:
    """The folder of a sweep, in which what was computed is found again.

    Args:
        out: the folder; it is made when there is something to keep.
        settings: what decides the sweep's answers, by name.

    Raises:
        OutputExistsError: the folder holds a sweep begun with other settings, or anything else.
    """

    def __init__(self, out: Path, settings: Mapping[str, Any]):
        self.out = out
        kept = {name: value for name, value in settings.items() if name not in MAY_CHANGE_ON_RESUME}
        self._settings = json.loads(json.dumps(kept, default=str))  # as they are read back
        self._check()

    def recall(self, name: str, predict: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Return the predictions that are kept under a name, which are computed where there are none."""
        path = self.out / _TRIED_FOLDER / f"{name}.parquet"
        if not path.exists():
            said = predict()
            self._begin()
            write_predictions(path, said)
        return read_predictions(path)

    def find_run(self, seed: int) -> tuple[Path, dict[str, Any] | None]:
        """Return the folder of a seed's run, and its metrics if it is finished; a half one is deleted."""
        folder = self.out / f"seed-{seed}"
        if (folder / METRICS_FILE).exists():
            logger.info("%s: was finished before.", folder)
            return folder, read_metrics(folder)
        half = folder.with_suffix(".half")
        if is_begun_run(folder):
            logger.warning("%s: was not finished; it is begun again.", folder)
            shutil.rmtree(half, ignore_errors=True)
            folder.rename(half)  # at once: of a folder that is half deleted nobody could say what it is
        shutil.rmtree(half, ignore_errors=True)
        return folder, None

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file, whole or not at all."""
        self.out.mkdir(parents=True, exist_ok=True)
        with replacing(self.out / name) as part:
            part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def _begin(self) -> None:
        if not (self.out / SWEEP_FILE).exists():
            self.write(SWEEP_FILE, self._settings)
        (self.out / _TRIED_FOLDER).mkdir(exist_ok=True)

    def _check(self) -> None:
        if not self.out.exists():
            return
        try:
            begun = dict(json.loads((self.out / SWEEP_FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            if not self.out.is_dir() or {path.name for path in self.out.iterdir()} - {f"{SWEEP_FILE}.part"}:
                raise OutputExistsError(
                    f"{self.out}: is not empty. Choose another --out for this sweep."
                ) from None
            return
        given = self._settings
        changed = sorted(name for name in begun.keys() | given.keys() if begun.get(name) != given.get(name))
        if changed:
            was, now = ([each.get(name) for name in changed] for each in (begun, given))
            raise OutputExistsError(
                f"{self.out}: holds a sweep begun with other values of {changed}: {was}, not {now}. Give "
                "those, and it goes on where it was, or choose another --out."
            )
