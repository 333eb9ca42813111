"""The search space of MLPs, and the models in it."""

import inspect

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions.builders import MLP, build_gru, build_mlp


def space_of(**arguments):
    """Returns the hyperparameters of a space by name."""
    hp = kt.HyperParameters()
    MLP(**{"input_shape": (4,), "outputs": 3, **arguments}).build(hp)
    names = [p.name for p in hp.space]
    assert len(set(names)) == len(names)
    return {p.name: p for p in hp.space}


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
        "Choice(name: 'schedule', values: ['fixed', 'cosine'], ordered: False, default: fixed)",
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
    always.add("schedule")
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
        "schedule": "cosine",
    }
    hp = kt.HyperParameters()
    model = MLP(input_shape=(4,), outputs=3, **fixed).build(hp)
    assert (hp.space, hp.values) == ([], {})
    kinds = [type(layer).__name__ for layer in model.layers]
    hidden = ["Dense", "BatchNormalization", "Activation", "Dropout"]
    assert kinds == ["InputLayer", "Normalization", *hidden, *hidden, "Dense"]
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


def dense_units(model):
    """Returns the widths of all dense layers, in the order of the layers."""
    return [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]


@pytest.mark.parametrize(
    ("width", "expected"), [("constant", [48] * 4), ("pyramid", [48, 24, 12, 6]), ("each", None)]
)
def test_widths(width, expected):
    hp = kt.HyperParameters()
    hp.values.update(depth=4, width=width, units_0=48, units_1=20, units_2=30, units_3=17)
    model = MLP(input_shape=(4,), outputs=3, width=["each", "constant", "pyramid"]).build(hp)
    assert dense_units(model) == [*(expected or [48, 20, 30, 17]), 3]


def test_single_layer_has_no_choice_of_widths():
    space = space_of(depth=1, width=["each", "constant"])
    assert "units_0" in space
    assert "width" not in space


def test_shared_widths_are_one_hyperparameter():
    assert [name for name in space_of(width="pyramid") if name.startswith("units")] == ["units_0"]
    conditions = space_of(width=["each", "constant"])["units_2"].conditions
    assert [(c.name, c.values) for c in conditions] == [("depth", [3, 4]), ("width", ["each"])]


@pytest.mark.parametrize(("units", "expected"), [(9, [9, 4, 2, 2]), (1, [1, 1, 1, 1])])
def test_pyramid_does_not_end_in_a_point(units, expected):
    model = MLP(input_shape=(4,), outputs=3, width="pyramid", depth=4, units=units).build(
        kt.HyperParameters()
    )
    assert dense_units(model) == [*expected, 3]


def test_residual_layers_add_to_their_inputs():
    fixed = {"depth": 3, "units": 8, "activation": "linear", "normalization": "none"}
    model = MLP(input_shape=(4,), outputs=3, residual=True, dropout=0.0, **fixed).build(
        kt.HyperParameters()
    )
    assert sum(isinstance(layer, keras.layers.Add) for layer in model.layers) == 3
    assert dense_units(model) == [8, 8, 8, 8, 3]  # the first two: weights, and a shortcut
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense) and layer.use_bias and layer.name != "head":
            layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    shortcut = next(x for x in model.layers if isinstance(x, keras.layers.Dense) and not x.use_bias)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    before_head = keras.Model(model.input, model.layers[-1].input)
    expected = x @ shortcut.get_weights()[0]
    np.testing.assert_allclose(before_head.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_wide_head_sees_the_inputs():
    model = MLP(input_shape=(4,), outputs=3, depth=1, units=8, wide=True).build(
        kt.HyperParameters()
    )
    assert model.get_layer("head").kernel.shape == (8 + 4, 3)


def test_output_dropout_stands_before_the_head():
    fixed = {"depth": 3, "dropout": 0.1, "output_dropout": 0.4}
    model = MLP(input_shape=(4,), outputs=3, **fixed).build(kt.HyperParameters())
    shares = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert shares == [0.1, 0.1, 0.4]


@pytest.mark.parametrize(
    ("depth", "conditions"), [(1, None), (2, []), ((1, 3), [("depth", [2, 3])])]
)
@pytest.mark.parametrize("name", ["dropout", "width"])
def test_what_single_layers_have_no_use_for(name, depth, conditions):
    space = space_of(depth=depth, output_dropout=0.2, width=["each", "constant"])
    found = [(c.name, c.values) for c in space[name].conditions] if name in space else None
    assert found == conditions
    assert "dropout" in space_of(depth=depth)  # which is that of the output, too


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
        ({"task": "classify"}, "Did you mean 'classification'"),
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


def test_build_mlp_takes_the_arguments_that_concern_the_model():
    ours = inspect.signature(build_mlp).parameters
    theirs = inspect.signature(MLP).parameters
    training = [name for name in theirs if name not in ours]
    assert [*ours] == ["hp", *(name for name in theirs if name not in training)]
    assert training[:3] == ["batch_size", "epochs", "patience"]
    assert training[-2:] == ["name", "tunable"]
    other = [n for n in [*ours][1:] if ours[n].default != theirs[n].default]
    assert other == ["input_normalization"]  # which needs the data


def test_build_mlp_has_the_space_of_mlp():
    arguments = {"input_shape": (4,), "outputs": 3, "depth": (1, 2), "dropout": 0.1}
    hp, theirs = kt.HyperParameters(), kt.HyperParameters()
    model = build_mlp(hp, **arguments)
    assert model.optimizer is not None
    MLP(**arguments, schedule="fixed").build(theirs)
    assert hp.get_config() == theirs.get_config()


def test_name_scope_sets_two_networks_apart():
    hp = kt.HyperParameters()
    for name in ("a", "b"):
        with hp.name_scope(name):
            build_mlp(hp, input_shape=(4,), outputs=3, depth=(1, 2), width=["each", "pyramid"])
    names = [p.name for p in hp.space]
    assert {"a/units_1", "b/units_1"} <= set(names)
    assert len(set(names)) == len(names)


def test_two_families_share_one_search():
    def build(hp):
        family = hp.Choice("family", ["mlp", "gru"])
        if family == "gru":
            with hp.conditional_scope("family", ["gru"]), hp.name_scope("gru"):
                return build_gru(hp, input_shape=(8, 3), outputs=4, conv_layers=[0, 1])
        with hp.conditional_scope("family", ["mlp"]), hp.name_scope("mlp"):
            return build_mlp(hp, input_shape=(8, 3), outputs=4, width=["each", "pyramid"])

    hp = kt.HyperParameters()
    for family in ("mlp", "gru", "mlp"):
        hp.values |= {"family": family, "mlp/depth": 2, "gru/depth": 2, "mlp/units_1": 99}
        assert build(hp).output_shape == (None, 4)
        active = {p.name for p in hp.space if hp.is_active(p)}
        assert {name.split("/")[0] for name in active} == {"family", family}
    assert hp.get("mlp/units_1") == 99


def test_untunable_leaves_the_space_alone():
    hypermodel = MLP(input_shape=(4,), outputs=3, tunable=False)
    hp = kt.HyperParameters()
    model = hypermodel.build(hp)
    hypermodel.fit(hp, model, np.ones((8, 4)), np.zeros(8), verbose=0)
    assert hp.space == []
