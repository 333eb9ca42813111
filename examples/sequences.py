"""Tune a recurrent network: who of nine men speaks two Japanese vowels.

    python examples/sequences.py --data-folder DATA

Without the data set, handwritten digits as sequences of eight rows of pixels.
"""

from __future__ import annotations

from pathlib import Path

from common import Data, accuracy, arguments, read, tune
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kt_extensions.builders import GRU


def load(folder: Path) -> Data:
    data = read(folder, "japanese_vowels")
    if data is None:
        x, y = load_digits(return_X_y=True)
        parts = train_test_split(x.reshape(-1, 8, 8), y, random_state=0, stratify=y)
        return Data("digits_rows", parts[0], parts[2], parts[1], parts[3])
    x, y, test = data["x"], data["y"], data["is_test"]
    return Data("japanese_vowels", x[~test], y[~test], x[test], y[test], baseline=0.962)


def main() -> None:
    args = arguments(__doc__.splitlines()[0])
    data = load(args.data_folder)
    hypermodel = GRU(
        input_shape=data.x.shape[1:],
        outputs=int(data.y.max()) + 1,
        padding_value=0.0,  # the vowels are of 7 to 29 frames
        cell="gru",
        depth=1,
        units=(32, 64),
        dropout=(0.0, 0.5),
        learning_rate=(1e-3, 2e-2),
        optimizer=["adam", "adamw", "rmsprop"],
        schedule="cosine",
        batch_size=(16, 32),
    )
    tune(
        args,
        hypermodel,
        data,
        objective="val_loss",
        score=accuracy,
        epochs=3,
        final_epochs=25,
        rows=1000,
    )


if __name__ == "__main__":
    main()
