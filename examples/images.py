"""Tune a convolutional network: articles of clothing, from 6,000 images.

    python examples/images.py --data-folder DATA

Without the data set, the handwritten digits that come with scikit-learn.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from common import Data, accuracy, arguments, tune
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kt_extensions.builders import CNN

IMAGES = 6000


def load(folder: Path) -> Data:
    if not (folder / "fashion_mnist").exists():
        x, y = load_digits(return_X_y=True)
        parts = train_test_split(x.reshape(-1, 8, 8, 1), y, random_state=0, stratify=y)
        return Data("digits_images", parts[0], parts[2], parts[1], parts[3])
    (x, y), (x_test, y_test) = clothes(folder, "train"), clothes(folder, "t10k")
    return Data("fashion_mnist", x[:IMAGES], y[:IMAGES], x_test, y_test, baseline=0.797)


def clothes(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns images, shape `(n, 28, 28, 1)`, and labels of a part of Fashion-MNIST."""
    images = _bytes(folder / "fashion_mnist" / f"{part}-images-idx3-ubyte.gz", header=16)
    labels = _bytes(folder / "fashion_mnist" / f"{part}-labels-idx1-ubyte.gz", header=8)
    return images.reshape(-1, 28, 28, 1), labels


def _bytes(file: Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=header)


def main() -> None:
    args = arguments(__doc__.splitlines()[0])
    data = load(args.data_folder)
    hypermodel = CNN(
        input_shape=data.x.shape[1:],
        outputs=10,
        blocks=(2, 3),
        convolutions=1,
        filters=(8, 24),
        kernel_size=3,
        convolution="full",
        normalization=["none", "batch"],
        schedule="cosine",
        batch_size=(32, 64),
    )
    tune(
        args,
        hypermodel,
        data,
        objective="val_accuracy",
        score=accuracy,
        epochs=2,
        final_epochs=7,
        rows=1500,
    )


if __name__ == "__main__":
    main()
