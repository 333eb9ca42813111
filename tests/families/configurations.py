"""Builds, trains, saves and loads random configurations of a family.

python -m tests.families.configurations FAMILY FIRST_SEED LAST_SEED
"""

import json
import sys
import tempfile
from pathlib import Path

import keras
import keras_tuner as kt
import numpy as np

from tests.families.spaces import samples


def draw(hypermodel, seed):
    """Returns one random configuration, its conditional hyperparameters walked in order."""
    whole = kt.HyperParameters()
    hypermodel.build(whole)
    rng = np.random.default_rng(seed)
    hp = kt.HyperParameters()
    for p in whole.space:
        hp.merge([p], overwrite=False)
        if hp.is_active(p):
            hp.values[p.name] = p.prob_to_value(rng.random())
    return hp


def check(hypermodel, x, y, seed, folder):
    """Trains a random configuration; returns its values.

    Raises:
        RuntimeError: If it does not train, or differs when loaded; with its values.
    """
    hp = draw(hypermodel, seed)
    values = json.loads(json.dumps(hp.values))
    try:
        model = hypermodel.build(hp)
        history = hypermodel.fit(hp, model, x, y, verbose=0).history
        model.save(folder / "model.keras")
        loaded = keras.models.load_model(folder / "model.keras")
        difference = np.abs(predict(model, x) - predict(loaded, x)).max()
    except Exception as error:
        raise RuntimeError(f"seed {seed}: {values}") from error
    if not np.isfinite(history["loss"]).all() or not difference < 1e-6:
        raise RuntimeError(f"seed {seed}: loss {history['loss']}, {difference}: {values}")
    return values


def predict(model, x):
    """Returns the predictions for all samples at once, without compiling a function for it."""
    tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, x)
    return keras.ops.convert_to_numpy(model(tensors, training=False))


def main() -> None:
    name, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    hypermodel, x, y = samples(name)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, last):
            check(hypermodel, x, y, seed, Path(folder))
            keras.utils.clear_session()
    print(f"{keras.backend.backend()}: {last - first} configurations of {name}")


if __name__ == "__main__":
    main()
