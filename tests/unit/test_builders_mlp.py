"""The search space of MLPs, and the models in it."""

import copy
import inspect
import json
import pickle

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions.builders import MLP, build_mlp


def space_of(**arguments):
    """Returns the hyperparameters of a space by name."""
    hp = kt.HyperParameters()
    MLP(**{"input_shape": (4,), "outputs": 3, **arguments}).build(hp)
    names = [p.name for p in hp.space]
    assert len(set(names)) == len(names)
    return {p.name: p for p in hp.space}


def sampled(hypermodel, seed):
    """Returns one random configuration, its conditional hyperparameters walked in order."""
    space = kt.HyperParameters()
    hypermodel.build(space)
    rng = np.random.default_rng(seed)
    hp = kt.HyperParameters()
    for p in space.space:
        hp.merge([p])
        if hp.is_active(p):
            hp.values[p.name] = p.prob_to_value(rng.random())
    return hp


def test_names_and_domains_of_the_whole_space():
    space = space_of()
    assert [str(p) for p in space.values()] == [
        "Int(name: 'depth', min_value: 1, max_value: 4, step: 1, sampling: linear, default: 1)",
        *(
            f"Int(name: 'units_{i}', min_value: 16, max_value: 256, step: None, sampling: log, "
            "default: 16)"
            for i in range(4)
        ),
        "Choice(name: 'activation', values: ['relu', 'elu', 'gelu', 'tanh'], ordered: False, "
        "default: relu)",
        "Choice(name: 'normalization', values: ['none', 'batch', 'layer'], ordered: False, "
        "default: none)",
        "Float(name: 'dropout', min_value: '0.0', max_value: '0.5', step: 'None', "
        "sampling: 'linear', default: '0.0')",
        "Choice(name: 'optimizer', values: ['adam', 'adamw', 'nesterov', 'rmsprop'], "
        "ordered: False, default: adam)",
        "Float(name: 'learning_rate', min_value: '0.0001', max_value: '0.03', step: 'None', "
        "sampling: 'log', default: '0.0001')",
        "Float(name: 'momentum', min_value: '0.5', max_value: '0.99', step: 'None', "
        "sampling: 'linear', default: '0.5')",
        "Float(name: 'rho', min_value: '0.8', max_value: '0.99', step: 'None', "
        "sampling: 'linear', default: '0.8')",
        "Float(name: 'weight_decay', min_value: '1e-05', max_value: '0.1', step: 'None', "
        "sampling: 'log', default: '1e-05')",
    ]


def test_conditions_are_flat_and_name_the_parent():
    conditions = {
        name: [(c.name, c.values) for c in p.conditions] for name, p in space_of().items()
    }
    assert {name: scope for name, scope in conditions.items() if scope} == {
        "units_1": [("depth", [2, 3, 4])],
        "units_2": [("depth", [3, 4])],
        "units_3": [("depth", [4])],
        "momentum": [("optimizer", ["nesterov"])],
        "rho": [("optimizer", ["rmsprop"])],
        "weight_decay": [("optimizer", ["adamw"])],
    }


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("optimizer", "setting"),
    [("adam", None), ("adamw", "weight_decay"), ("nesterov", "momentum"), ("rmsprop", "rho")],
)
def test_active_hyperparameters(depth, optimizer, setting):
    hp = kt.HyperParameters()
    hp.values.update(depth=depth, optimizer=optimizer)
    model = MLP(input_shape=(4,), outputs=3).build(hp)
    always = {"depth", "activation", "normalization", "dropout", "optimizer", "learning_rate"}
    units = {f"units_{i}" for i in range(depth)}
    assert hp.values.keys() == always | units | ({setting} if setting else set())
    assert [p.name for p in hp.space] == list(space_of())
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert len(dense) == depth + 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"units": 8},
        {"depth": (2, 2), "units": [8]},
        {"activation": "tanh"},
        {"normalization": "batch"},
        {"dropout": 0.25},
        {"optimizer": "sgd"},
        {"optimizer": "adamw", "weight_decay": 0.01},
        {"learning_rate": 0.01},
    ],
)
def test_fixed_values_are_no_hyperparameters(arguments):
    names = [name.split("_")[0] if name.startswith("units") else name for name in space_of()]
    fixed = set(arguments)
    gone = {"momentum", "rho", "weight_decay"} if "optimizer" in fixed else set()
    left = [n.split("_")[0] if n.startswith("units") else n for n in space_of(**arguments)]
    assert set(left) == set(names) - fixed - gone


def test_wholly_fixed_space_is_empty():
    fixed = {
        "depth": 2,
        "units": 8,
        "activation": "gelu",
        "normalization": "batch",
        "dropout": 0.25,
        "optimizer": "nesterov",
        "learning_rate": 0.02,
        "momentum": 0.5,
    }
    hp = kt.HyperParameters()
    model = MLP(input_shape=(4,), outputs=3, **fixed).build(hp)
    assert (hp.space, hp.values) == ([], {})
    kinds = [type(layer).__name__ for layer in model.layers]
    hidden = ["Dense", "BatchNormalization", "Activation", "Dropout"]
    assert kinds == ["InputLayer", *hidden, *hidden, "Dense"]
    settings = model.optimizer.get_config()
    assert (settings["nesterov"], settings["momentum"]) == (True, 0.5)
    assert settings["learning_rate"] == pytest.approx(0.02)


def test_lists_are_choices():
    space = space_of(depth=[1, 3], units=[8, 32], dropout=[0, 0.5], optimizer=["sgd", "momentum"])
    choices = {name: p.values for name, p in space.items() if hasattr(p, "values")}
    assert choices["depth"] == [1, 3]
    assert [choices[f"units_{i}"] for i in range(3)] == [[8, 32]] * 3
    assert choices["dropout"] == [0.0, 0.5]
    assert space["units_1"].conditions[0].values == [3]
    assert space["momentum"].conditions[0].values == ["momentum"]


def test_condition_left_out_where_every_optimizer_has_the_setting():
    space = space_of(optimizer=["momentum", "nesterov"])
    assert space["momentum"].conditions == []


@pytest.mark.parametrize(
    ("outputs", "task", "activation", "loss", "y"),
    [
        (3, None, "softmax", "sparse_categorical_crossentropy", [0, 1, 2, 0]),
        (2, "classification", "softmax", "sparse_categorical_crossentropy", [0, 1, 1, 0]),
        (1, "classification", "sigmoid", "binary_crossentropy", [0, 1, 1, 0]),
        (1, "regression", "linear", "mean_squared_error", [0.1, -2, 3, 4]),
        (2, "regression", "linear", "mean_squared_error", [[0.1, 2], [1, 1], [2, 2], [3, 3]]),
    ],
)
def test_task_sets_head_and_loss(outputs, task, activation, loss, y):
    model = MLP(input_shape=(4,), outputs=outputs, task=task).build(kt.HyperParameters())
    assert model.output_shape == (None, outputs)
    assert model.layers[-1].activation is keras.activations.get(activation)
    assert model.loss == loss
    metric = "mae" if task == "regression" else "accuracy"
    logs = model.fit(np.ones((4, 4)), np.array(y), verbose=0).history
    assert logs.keys() == {"loss", metric}


def test_inputs_of_several_axes_are_flattened():
    model = MLP(input_shape=(2, 3), outputs=3).build(kt.HyperParameters())
    assert model.predict(np.ones((5, 2, 3)), verbose=0).shape == (5, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": 64}, r"like \(64,\). Received: input_shape=64"),
        ({"input_shape": ()}, "input_shape"),
        ({"input_shape": (None, 4)}, "without the axis of the samples"),
        ({"input_shape": (4, -1)}, "input_shape"),
        ({"outputs": 0}, "`outputs` to be an integer of at least 1"),
        ({"outputs": (1, 3)}, "cannot be searched"),
        ({"outputs": 1}, "A single output can be either, so say which"),
        ({"task": "classify"}, r"\['classification', 'regression'\]. Received: task='classify'"),
        ({"depth": (4, 1)}, "Swap the two ends"),
        ({"units": "64"}, "`units` to be an integer"),
        ({"activation": "rely"}, "Did you mean 'relu'"),
        ({"normalization": None}, r"`normalization` to be one of \['batch', 'layer', 'none'\]"),
        ({"dropout": 1}, "below 1"),
        ({"optimizer": "adan"}, "Did you mean 'adam'"),
        ({"learning_rate": (0, 0.1)}, "above 0"),
        ({"momentum": 1.0}, "`momentum` to be a number of at least 0 and below 1"),
        ({"rho": 2}, "`rho`"),
        ({"weight_decay": (0.1, 0.01)}, "Swap the two ends"),
        ({"batch_size": 0}, "`batch_size` to be an integer of at least 1"),
    ],
)
def test_wrong_arguments_raise_before_any_trial(arguments, message):
    with pytest.raises(ValueError, match=message):
        MLP(**{"input_shape": (4,), "outputs": 3, **arguments})


@pytest.mark.parametrize("seed", range(50))
def test_random_configurations_train(seed):
    hypermodel = MLP(
        input_shape=(4,),
        outputs=3,
        activation=["relu", "leaky_relu", "linear", "selu", "sigmoid", "silu", "softplus"],
        optimizer=["sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop"],
    )
    hp = sampled(hypermodel, seed)
    assert json.loads(json.dumps(hp.values)) == hp.values
    model = hypermodel.build(hp)
    history = hypermodel.fit(hp, model, np.ones((8, 4)), np.zeros(8), verbose=0)
    assert np.isfinite(history.history["loss"][0])


def test_copies_are_equal():
    hypermodel = MLP(input_shape=(4,), outputs=3, name="mine")
    for twin in (copy.deepcopy(hypermodel), pickle.loads(pickle.dumps(hypermodel))):
        hp, twin_hp = kt.HyperParameters(), kt.HyperParameters()
        hypermodel.build(hp)
        twin.build(twin_hp)
        assert twin_hp.get_config() == hp.get_config()
        assert twin.name == "mine"


def test_build_mlp_takes_the_arguments_that_concern_the_model():
    ours = inspect.signature(build_mlp).parameters
    theirs = inspect.signature(MLP).parameters
    assert [*ours] == ["hp", *(n for n in theirs if n not in ("batch_size", "name", "tunable"))]
    assert all(ours[name].default == theirs[name].default for name in [*ours][1:])


def test_build_mlp_has_the_space_of_mlp():
    arguments = {"input_shape": (4,), "outputs": 3, "depth": (1, 2), "dropout": 0.1}
    hp, theirs = kt.HyperParameters(), kt.HyperParameters()
    model = build_mlp(hp, **arguments)
    assert model.optimizer is not None
    MLP(**arguments).build(theirs)
    assert hp.get_config() == theirs.get_config()


def test_name_scope_sets_two_networks_apart():
    hp = kt.HyperParameters()
    for name in ("a", "b"):
        with hp.name_scope(name):
            build_mlp(hp, input_shape=(4,), outputs=3, depth=(1, 2))
    names = [p.name for p in hp.space]
    assert {"a/units_1", "b/units_1"} <= set(names)
    assert len(set(names)) == len(names)


def test_untunable_leaves_the_space_alone():
    hypermodel = MLP(input_shape=(4,), outputs=3, tunable=False)
    hp = kt.HyperParameters()
    model = hypermodel.build(hp)
    hypermodel.fit(hp, model, np.ones((8, 4)), np.zeros(8), verbose=0)
    assert hp.space == []
