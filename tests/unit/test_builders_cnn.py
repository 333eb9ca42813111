"""The search space of convolutional networks, and the models in it."""

import inspect
from collections import Counter
from itertools import product

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions.builders import CNN, MLP, build_cnn
from kt_extensions.builders.cnn import CNNSpace

FIXED = {
    "blocks": 2,
    "convolutions": 2,
    "filters": 4,
    "growth": 1.5,
    "kernel_size": 3,
    "convolution": "full",
    "downsampling": "max",
    "pool_size": 2,
    "pooling": "average",
    "dense_units": 5,
    "activation": "relu",
    "normalization": "none",
    "dropout": 0.0,
    "optimizer": "adam",
    "learning_rate": 0.01,
}

SHARED = {
    "activation",
    "normalization",
    "normalization_momentum",
    "dropout",
    "optimizer",
    "learning_rate",
    "momentum",
    "rho",
    "weight_decay",
    "schedule",
    "decay_rate",
    "gamma",
    "drop",
    "step_epochs",
    "schedule_patience",
}


def space_of(**arguments):
    """Returns the hyperparameters of a space by name."""
    hp = kt.HyperParameters()
    CNN(**{"input_shape": (8, 8, 1), "outputs": 3, **arguments}).build(hp)
    names = [p.name for p in hp.space]
    assert len(set(names)) == len(names)
    return {p.name: p for p in hp.space}


def model_of(**arguments):
    return build_cnn(
        kt.HyperParameters(), **{"input_shape": (8, 8, 1), "outputs": 3, **FIXED, **arguments}
    )


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def layers_of(model, kind):
    return [layer for layer in model.layers if type(layer).__name__ == kind]


def map_sizes(model):
    """Returns the shapes of the maps that the convolutions and poolings give."""
    return [
        layer.output.shape[1:]
        for layer in model.layers
        if "Conv" in type(layer).__name__ or "Pooling" in type(layer).__name__
    ]


def test_names_and_domains_of_the_blocks():
    assert [str(p) for name, p in space_of().items() if name not in SHARED] == [
        "Int(name: 'blocks', min_value: 1, max_value: 4, step: 1, sampling: linear, default: 1)",
        "Int(name: 'convolutions', min_value: 1, max_value: 2, step: 1, sampling: linear, "
        "default: 1)",
        "Int(name: 'filters', min_value: 16, max_value: 64, step: None, sampling: log, "
        "default: 16)",
        "Float(name: 'growth', min_value: '1.0', max_value: '2.0', step: 'None', "
        "sampling: 'log', default: '1.0')",
        "Int(name: 'kernel_size', min_value: 3, max_value: 7, step: 2, sampling: linear, "
        "default: 3)",
        "Choice(name: 'convolution', values: ['full', 'separable'], ordered: False, default: full)",
        "Choice(name: 'downsampling', values: ['max', 'average', 'stride'], ordered: False, "
        "default: max)",
        "Int(name: 'pool_size', min_value: 2, max_value: 3, step: 1, sampling: linear, default: 2)",
        "Choice(name: 'pooling', values: ['average', 'flatten'], ordered: False, default: average)",
        "Choice(name: 'dense_units', values: [0, 64, 128], ordered: True, default: 0)",
    ]


def test_shared_hyperparameters_are_those_of_mlp():
    hp = kt.HyperParameters()
    MLP(input_shape=(4,), outputs=3).build(hp)
    theirs = {p.name: p.get_config() for p in hp.space if p.name in SHARED}
    ours = {name: p.get_config() for name, p in space_of().items() if name in SHARED}
    assert ours == theirs


def test_conditions_are_flat_and_name_the_parent():
    scopes = {name: [(c.name, c.values) for c in p.conditions] for name, p in space_of().items()}
    ours = {name: scope for name, scope in scopes.items() if scope and name not in SHARED}
    assert ours == {
        "growth": [("blocks", [2, 3, 4])],
        "pool_size": [("downsampling", ["max", "average"])],
    }


@pytest.mark.parametrize(
    ("fixed", "gone"),
    [
        ({"blocks": 1}, {"blocks", "growth"}),
        ({"blocks": 3}, {"blocks"}),
        ({"convolutions": 2}, {"convolutions"}),
        ({"filters": 8}, {"filters"}),
        ({"growth": 1.5}, {"growth"}),
        ({"kernel_size": 5}, {"kernel_size"}),
        ({"convolution": "separable"}, {"convolution"}),
        ({"downsampling": "stride"}, {"downsampling", "pool_size"}),
        ({"downsampling": "average"}, {"downsampling"}),
        ({"downsampling": ["none", "stride"]}, {"pool_size"}),
        ({"pool_size": 3}, {"pool_size"}),
        ({"pooling": "max"}, {"pooling"}),
        ({"dense_units": None}, {"dense_units"}),
        ({"input_shape": (4, 4, 4, 1)}, {"convolution"}),
    ],
)
def test_fixed_values_are_no_hyperparameters(fixed, gone):
    assert space_of().keys() - space_of(**fixed).keys() == gone


def test_lists_are_choices():
    lists = {"blocks": [1, 3], "kernel_size": [3, 4, 7], "growth": [1.0, 2.0], "filters": [2, 8]}
    space = space_of(**lists, residual=[False, True])
    assert {name: space[name].values for name in lists} == lists
    assert [c.values for c in space["growth"].conditions] == [[3]]
    assert "residual" in space


def test_range_of_kernels_has_odd_ones():
    kernel = space_of(kernel_size=(3, 7))["kernel_size"]
    assert sorted({kernel.prob_to_value(p) for p in np.linspace(0, 0.999, 50)}) == [3, 5, 7]


@pytest.mark.parametrize(
    ("units", "sampling"), [((0, 8), "linear"), ((2, 8), "log"), ((1, 8), "log")]
)
def test_dense_units_are_logarithmic_unless_from_zero(units, sampling):
    assert space_of(dense_units=units)["dense_units"].sampling == sampling


def test_wholly_fixed_model():
    hp = kt.HyperParameters()
    model = build_cnn(hp, input_shape=(8, 8, 1), outputs=3, **FIXED)
    assert hp.space == []
    block = ["Conv2D", "Activation", "Conv2D", "Activation", "MaxPooling2D"]
    head = ["GlobalAveragePooling2D", "Dense", "Activation", "Dense"]
    assert kinds(model) == ["InputLayer", *block, *block, *head]
    convolutions = layers_of(model, "Conv2D")
    assert [layer.filters for layer in convolutions] == [4, 4, 6, 6]
    assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
    assert [layer.units for layer in layers_of(model, "Dense")] == [5, 3]


def test_each_boundary_has_one_dropout():
    model = model_of(dropout=0.1, output_dropout=0.3, convolutions=1)
    assert kinds(model)[3:] == [
        "MaxPooling2D",
        "Dropout",
        *["Conv2D", "Activation", "MaxPooling2D"],
        *["GlobalAveragePooling2D", "Dropout", "Dense", "Activation", "Dropout", "Dense"],
    ]
    assert [layer.rate for layer in layers_of(model, "Dropout")] == [0.1, 0.1, 0.3]
    without = model_of(dropout=0.1, output_dropout=0.3, dense_units=0)
    assert [layer.rate for layer in layers_of(without, "Dropout")] == [0.1, 0.3]


@pytest.mark.parametrize(
    ("downsampling", "sizes"),
    [
        ("none", [(8, 8, 4)] * 2 + [(8, 8, 6)] * 2),
        ("stride", [(4, 4, 4)] * 2 + [(2, 2, 6)] * 2),
        ("max", [(8, 8, 4)] * 2 + [(4, 4, 4)] + [(4, 4, 6)] * 2 + [(2, 2, 6)]),
        ("average", [(8, 8, 4)] * 2 + [(4, 4, 4)] + [(4, 4, 6)] * 2 + [(2, 2, 6)]),
    ],
)
@pytest.mark.parametrize("pool_size", [2, 3])
def test_each_block_halves_the_map(downsampling, sizes, pool_size):
    model = model_of(downsampling=downsampling, pool_size=pool_size)
    assert map_sizes(model)[:-1] == sizes
    pools = layers_of(model, "MaxPooling2D") + layers_of(model, "AveragePooling2D")
    assert all(pool.pool_size == (pool_size,) * 2 and pool.strides == (2, 2) for pool in pools)


@pytest.mark.parametrize("downsampling", ["max", "stride"])
def test_small_maps_are_not_halved(downsampling):
    model = model_of(downsampling=downsampling, blocks=5, convolutions=1, growth=1.0)
    sizes = [size[0] for size in map_sizes(model)[:-1]]
    assert (min(sizes), sizes[-1]) == (2, 2)
    assert len([s for s in sizes if s == 8]) == (1 if downsampling == "max" else 0)
    thin = model_of(downsampling=downsampling, input_shape=(1, 9, 1), convolution="separable")
    assert map_sizes(thin)[-2][:2] == (1, 3)


@pytest.mark.parametrize(
    ("shape", "kind", "kernel"),
    [
        ((9, 2), "SeparableConv1D", (3,)),
        ((9, 9, 2), "SeparableConv2D", (3, 3)),
        ((5, 5, 5, 2), "Conv3D", (3, 3, 3)),
    ],
)
def test_separable_convolutions(shape, kind, kernel):
    model = model_of(input_shape=shape, convolution="separable", l2=0.1, initializer="he")
    convolutions = layers_of(model, kind)
    assert [layer.kernel_size for layer in convolutions] == [kernel] * 4
    if kind != "Conv3D":
        [first, *_] = convolutions
        assert first.depthwise_regularizer.l2 == first.pointwise_regularizer.l2 == np.float32(0.1)
        assert isinstance(first.depthwise_initializer, keras.initializers.HeNormal)
        assert first.depthwise_initializer is not first.pointwise_initializer


@pytest.mark.parametrize("shape", [(9, 2), (9, 9, 2), (5, 5, 5, 2)])
@pytest.mark.parametrize("pooling", ["average", "max", "flatten"])
def test_pooling_to_one_vector(shape, pooling):
    model = model_of(input_shape=shape, pooling=pooling, dense_units=0)
    rank = len(shape) - 1
    size = 3**rank * 6 if pooling == "flatten" else 6
    assert model.get_layer("head").input.shape == (None, size)
    name = "Flatten" if pooling == "flatten" else f"Global{pooling.title()}Pooling{rank}D"
    assert kinds(model)[-2] == name


@pytest.mark.parametrize("units", [0, None])
def test_without_a_dense_layer(units):
    assert len(layers_of(model_of(dense_units=units), "Dense")) == 1


@pytest.mark.parametrize("downsampling", ["max", "stride"])
def test_residual_blocks_add_their_inputs(downsampling):
    model = model_of(residual=True, growth=1.0, downsampling=downsampling, input_shape=(8, 8, 4))
    shortcuts = [layer for layer in layers_of(model, "Conv2D") if layer.kernel_size == (1, 1)]
    assert len(layers_of(model, "Add")) == 2
    assert [layer.strides for layer in shortcuts] == (
        [(2, 2)] * 2 if downsampling == "stride" else []
    )
    grown = model_of(residual=True, growth=2.0)
    shortcuts = [layer for layer in layers_of(grown, "Conv2D") if layer.kernel_size == (1, 1)]
    assert [layer.filters for layer in shortcuts] == [4, 8]


def test_normalization_stands_before_the_activation():
    model = model_of(normalization="batch", normalization_momentum=0.7)
    first = ["Conv2D", "BatchNormalization", "Activation"]
    assert kinds(model)[1:4] == first
    assert Counter(kinds(model))["BatchNormalization"] == 5
    assert not any(layer.use_bias for layer in layers_of(model, "Conv2D"))


@pytest.mark.parametrize("shape", [(5, 1), (1, 1), (4, 4, 1), (8, 8, 3), (1, 7, 1), (4, 4, 4, 1)])
@pytest.mark.parametrize("downsampling", ["none", "stride", "max"])
def test_corners_of_the_space_build_for_small_inputs(shape, downsampling):
    for convolution, residual in product(["full", "separable"], [False, True]):
        model = model_of(
            input_shape=shape,
            blocks=5,
            kernel_size=7,
            pool_size=3,
            convolution=convolution,
            downsampling=downsampling,
            residual=residual,
            pooling="flatten",
        )
        assert model.output_shape == (None, 3)


def test_raw_pixels_are_normalized_by_channel():
    x = np.random.default_rng(0).uniform(0, 255, size=(64, 8, 8, 3)) * [1, 0.5, 0.1]
    hypermodel = CNN(input_shape=(8, 8, 3), outputs=3, **FIXED, batch_size=16, schedule="fixed")
    hp = kt.HyperParameters()
    model = hypermodel.build(hp)
    hypermodel.fit(hp, model, x, np.arange(64) % 3, verbose=0)
    y = keras.ops.convert_to_numpy(model.get_layer("input_normalization")(x.astype("float32")))
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(y.std((0, 1, 2)), 1, atol=1e-4)


def test_learns_digits(digits):
    keras.utils.set_random_seed(0)
    hypermodel = CNN(
        input_shape=(8, 8, 1),
        outputs=10,
        **{**FIXED, "filters": 16, "normalization": "batch", "convolutions": 1, "dense_units": 32},
        schedule="cosine",
        batch_size=16,
    )
    hp = kt.HyperParameters()
    x, x_val = (255 * x.reshape(-1, 8, 8, 1) for x in (digits.x, digits.x_val))
    history = hypermodel.fit(
        hp,
        hypermodel.build(hp),
        x,
        digits.y,
        epochs=8,
        validation_data=(x_val, digits.y_val),
        verbose=0,
    )
    assert history.history["val_accuracy"][-1] > 0.95


def test_saved_model_predicts_the_same(tmp_path):
    x = np.random.default_rng(0).normal(size=(6, 8, 8, 1))
    model = model_of(normalization="batch", convolution="separable", residual=True, dropout=0.2)
    model.fit(x, np.arange(6) % 3, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_build_cnn_has_the_arguments_and_the_space_of_the_model():
    ours, theirs = (inspect.signature(one).parameters for one in (build_cnn, CNNSpace))
    assert [*ours] == ["hp", *theirs]
    assert theirs.keys() < inspect.signature(CNN).parameters.keys()
    hp, other = kt.HyperParameters(), kt.HyperParameters()
    build_cnn(hp, input_shape=(8, 8, 1), outputs=3, blocks=(1, 2))
    CNNSpace(input_shape=(8, 8, 1), outputs=3, blocks=(1, 2)).build(other)
    assert hp.get_config() == other.get_config()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"input_shape": (64,)},
            r"like \(28, 28, 1\). Received: input_shape=\(64,\).*x\[..., None\]",
        ),
        ({"input_shape": (2, 2, 2, 2, 1)}, "of one to three axes and the channels"),
        ({"input_shape": 28}, "`input_shape`"),
        ({"blocks": 0}, "`blocks` to be an integer of at least 1"),
        ({"convolutions": (2, 1)}, "Swap the two ends"),
        ({"filters": "16"}, "`filters`"),
        ({"growth": 0}, "`growth` to be a number above 0"),
        ({"kernel_size": (2, 7)}, r"odd at both ends.*Received: kernel_size=\(2, 7\)"),
        ({"convolution": "seperable"}, "Did you mean 'separable'"),
        ({"downsampling": "pool"}, "`downsampling` to be one of"),
        ({"pool_size": 1}, "`pool_size` to be an integer of at least 2"),
        ({"pooling": "mean"}, "`pooling` to be one of"),
        ({"dense_units": -1}, "`dense_units` to be an integer of at least 0"),
        ({"residual": 1}, "`residual`"),
    ],
)
def test_wrong_arguments_raise_before_any_trial(arguments, message):
    with pytest.raises(ValueError, match=message):
        CNN(**{"input_shape": (8, 8, 1), "outputs": 3, **arguments})


def test_data_of_another_shape_end_the_search_before_the_first_trial():
    hypermodel = CNN(input_shape=(8, 8, 1), outputs=3)
    with pytest.raises(ValueError, match=r"to have the shape \(None, 8, 8, 1\)"):
        hypermodel.prepare_search(kt.HyperParameters(), np.ones((4, 8, 8)), np.zeros(4))
