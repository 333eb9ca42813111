"""Tune a recurrent network for a forecast: fine dust in Beijing, six hours ahead.

    python examples/forecast.py --data-folder DATA

How far the network looks back is tuned too. Without the data set, a made-up daily rhythm.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from common import Data, arguments, mean_absolute_error, read, tune

from kt_extensions.builders import GRU, windows

HOURS = 24  # the longest look back
AHEAD = 6
SCALE = 100.0  # ug/m3


def load(folder: Path) -> Data:
    data = read(folder, "beijing_pm25")
    if data is None:
        return _split("rhythm", _rhythm(), np.zeros(4000, bool), step=1, baseline=None)
    return _split("beijing_pm25", data["x"], data["missing"], step=3, baseline=35.0)


def _rhythm() -> np.ndarray:
    """Returns 4,000 hours of a series with a daily rhythm and noise. Shape `(4000, 1)`."""
    hours = np.arange(4000)
    noise = np.random.default_rng(0).normal(0, 0.2, 4000)
    return 50 * (3 + np.sin(hours * 2 * np.pi / 24) + noise)[:, None].astype("float32")


def _split(
    name: str, x: np.ndarray, missing: np.ndarray, step: int, baseline: float | None
) -> Data:
    """Cuts windows, the first 80% of the time to train on, every `step`-th of them."""
    y = x[:, :1] / SCALE
    skewed = x.min(0) >= 0
    x = np.where(skewed, np.log1p(np.where(skewed, x, 0)), x)
    past, ahead = windows(np.hstack([x, y]), length=HOURS, gap=AHEAD - 1, targets=-1)
    known = ~missing[HOURS + AHEAD - 1 :]
    reach = HOURS + AHEAD
    end = int(len(x) * 0.8) - reach
    train = np.flatnonzero(known[:end])[::step]
    test = end + reach + np.flatnonzero(known[end + reach :])
    return Data(name, past[train], ahead[train, 0], past[test], ahead[test, 0], baseline, True)


def error_in_ug_per_m3(model: keras.Model, data: Data) -> float:
    """Returns the mean absolute error."""
    return SCALE * mean_absolute_error(model, data)


def main() -> None:
    args = arguments(__doc__.splitlines()[0])
    data = load(args.data_folder)
    hypermodel = GRU(
        input_shape=data.x.shape[1:],
        outputs=1,
        task="regression",
        loss="mean_absolute_error",
        cell="gru",
        depth=1,
        units=(16, 64),
        window=(6, HOURS),
        learning_rate=(1e-3, 2e-2),
        schedule="cosine",
        batch_size=(64, 256),
    )
    tune(
        args,
        hypermodel,
        data,
        objective="val_mae",
        score=error_in_ug_per_m3,
        epochs=3,
        final_epochs=5,
        rows=2500,
    )


if __name__ == "__main__":
    main()
