"""Tune a network on a backbone: hands that show digits, after clothes were learnt.

    python examples/transfer.py --data-folder DATA

The backbone is trained first, on articles of clothing; how much of it is trained further for the
hands, and at which rate, is tuned. Without the data sets, it learns handwritten digits from 0 to 4
and is tuned for those from 5 to 9.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from common import Data, accuracy, arguments, read, tune
from images import clothes
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kt_extensions.builders import CNN


def load(folder: Path) -> tuple[np.ndarray, np.ndarray, Data]:
    """Returns images and labels to train the backbone with, and the data to tune on."""
    data = read(folder, "sign_digits")
    if data is None or not (folder / "fashion_mnist").exists():
        return _digits()
    x, y, test = data["x"], data["y"], data["is_test"]
    images, labels = clothes(folder, "train")
    images = np.pad(images[:6000], [(0, 0), (2, 2), (2, 2), (0, 0)]).repeat(3, -1)
    signs = Data("sign_digits", x[~test], y[~test], x[test], y[test], baseline=0.900)
    return images, labels[:6000], signs


def _digits() -> tuple[np.ndarray, np.ndarray, Data]:
    x, y = load_digits(return_X_y=True)
    x, small = x.reshape(-1, 8, 8, 1), y < 5
    parts = train_test_split(x[~small], y[~small] - 5, random_state=0, stratify=y[~small])
    return x[small], y[small], Data("digits_5_to_9", parts[0], parts[2], parts[1], parts[3])


def train_backbone(x: np.ndarray, y: np.ndarray) -> keras.Model:
    """Returns a network that was trained on other images, without its head."""
    layers = keras.layers
    inputs = keras.Input(x.shape[1:])
    features = layers.Rescaling(1 / 255)(inputs)
    for filters in (16, 32, 64):
        features = layers.Conv2D(filters, 3, padding="same", use_bias=False)(features)
        features = layers.BatchNormalization(momentum=0.9)(features)
        features = layers.MaxPooling2D()(layers.Activation("relu")(features))
    head = layers.Dense(int(y.max()) + 1, "softmax")(layers.Flatten()(features))
    model = keras.Model(inputs, head)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=128, epochs=2, verbose=0)
    return keras.Model(inputs, features)


def main() -> None:
    args = arguments(__doc__.splitlines()[0])
    x, y, data = load(args.data_folder)
    keras.utils.set_random_seed(args.seed)
    hypermodel = CNN(
        input_shape=data.x.shape[1:],
        outputs=int(data.y.max()) + 1,
        backbone=train_backbone(x, y),
        fine_tuned_share=(0.3, 1.0),
        learning_rate=(1e-3, 2e-2),
        optimizer=["adam", "adamw"],
        schedule="cosine",
        batch_size=(32, 64),
    )
    tune(
        args,
        hypermodel,
        data,
        objective="val_accuracy",
        score=accuracy,
        epochs=4,
        final_epochs=15,
        rows=900,
    )


if __name__ == "__main__":
    main()
