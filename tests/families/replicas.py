"""Trains each family on two replicas; prints what came of it as JSON."""

import gc
import json

import tensorflow as tf

from tests.families.configurations import draw
from tests.families.spaces import FAMILIES, samples


def train(strategy, family, seed):
    """Returns the epochs, and how far apart the weights of the replicas are."""
    hypermodel, x, y = samples(family)
    hp = draw(hypermodel, seed)
    with strategy.scope():
        model = hypermodel.build(hp)
    losses = hypermodel.fit(hp, model, x, y, verbose=0).history["loss"]
    copies = [weight.value.values for weight in model.trainable_variables]
    return {
        "losses": losses,
        "replicas": len(copies[0]),
        "apart": max(float(tf.reduce_max(tf.abs(one - two))) for one, two in copies),
    }


def main() -> None:
    gc.collect()
    gc.freeze()
    [cpu] = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    results = {name: [train(strategy, name, seed) for seed in range(2)] for name in FAMILIES}
    print(json.dumps(results))


if __name__ == "__main__":
    main()
