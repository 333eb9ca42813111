"""Builds, trains, saves and loads random configurations of a family.

python -m tests.families.configurations FAMILY FIRST_SEED LAST_SEED, or `all` for FAMILY
"""

import gc
import json
import sys
import tempfile
from pathlib import Path

import keras
import keras_tuner as kt
import numpy as np

from tests.families.spaces import FAMILIES, samples


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


def trained(hypermodel, x, y, seed, folder):
    """Trains, saves and loads a random configuration.

    Returns:
        Its values, its losses, and by how much the loaded model's predictions differ.

    Raises:
        RuntimeError: If one of these fails; with the values.
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
    return values, history["loss"], difference


def predict(model, x):
    """Returns the predictions for all samples at once, without compiling a function for it."""
    tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, x)
    return keras.ops.convert_to_numpy(model(tensors, training=False))


def main() -> None:
    name, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    gc.collect()
    gc.freeze()  # Keras collects garbage in each configuration
    for family in FAMILIES if name == "all" else [name]:
        try_seeds(family, first, last)


def try_seeds(name, first, last):
    """Tries configurations of a family."""
    hypermodel, x, y = samples(name)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, last):
            values, losses, difference = trained(hypermodel, x, y, seed, Path(folder))
            if not np.isfinite(losses).all() or not difference < 1e-6:
                raise RuntimeError(f"seed {seed}: loss {losses}, {difference}: {values}")
            keras.utils.clear_session()
    print(f"{keras.backend.backend()}: {last - first} configurations of {name}")


if __name__ == "__main__":
    main()
