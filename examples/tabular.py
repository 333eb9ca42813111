"""Tune a perceptron for a regression: house values in California.

    python examples/tabular.py --data-folder DATA

Without the data set, the progression of diabetes, which comes with scikit-learn.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from common import Data, arguments, mean_absolute_error, read, tune
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from kt_extensions.builders import MLP


def load(folder: Path) -> Data:
    data = read(folder, "california_housing")
    if data is None:
        x, x_test, y, y_test = train_test_split(*load_diabetes(return_X_y=True), random_state=0)
        return Data("diabetes", x, y / 100, x_test, y_test / 100)
    x, y, test = data["x"], data["y"], data["is_test"]
    x[:, 2:6] = np.log1p(x[:, 2:6])  # rooms, bedrooms, people and households per block
    return Data("california_housing", x[~test], y[~test], x[test], y[test], baseline=0.362)


def main() -> None:
    args = arguments(__doc__.splitlines()[0])
    data = load(args.data_folder)
    hypermodel = MLP(
        input_shape=data.x.shape[1:],
        outputs=1,
        task="regression",
        loss=["mean_absolute_error", "huber"],
        depth=(2, 4),
        units=(32, 192),
        width="constant",
        normalization=["none", "batch"],
        dropout=(0.0, 0.2),
        schedule="cosine",
        batch_size=(64, 256),
    )
    tune(
        args,
        hypermodel,
        data,
        objective="val_mae",
        score=mean_absolute_error,
        epochs=5,
        final_epochs=20,
        rows=4000,
    )


if __name__ == "__main__":
    main()
