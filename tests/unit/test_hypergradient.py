"""Optimizers that learn their rate, against the paper's equations in NumPy."""

import keras
import numpy as np
import pytest

from kt_extensions.optimizers import HypergradientAdam, HypergradientSGD

START = [np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([-1.0, 4.0])]
SCALES = [np.array([[1.0, 0.1], [2.0, 0.5]]), np.array([3.0, 0.2])]


def gradients(thetas):
    """Those of the sum of scale * theta ** 2 / 2."""
    return [scale * theta for scale, theta in zip(SCALES, thetas, strict=True)]


def dot(left, right):
    return sum(np.sum(a * b) for a, b in zip(left, right, strict=True))


def sgd_hd(g, state, t):
    return g  # algorithm 4


def sgdn_hd(g, state, t, mu=0.9):
    v = state.setdefault("v", [np.zeros_like(x) for x in g])
    state["v"] = v = [mu * a + b for a, b in zip(v, g, strict=True)]
    return [a + mu * b for a, b in zip(g, v, strict=True)]  # algorithm 5


def heavy_ball_hd(g, state, t):
    sgdn_hd(g, state, t)
    return state["v"]


def adam_hd(g, state, t, b1=0.9, b2=0.99, eps=1e-8):
    m = state.setdefault("m", [np.zeros_like(x) for x in g])
    v = state.setdefault("v", [np.zeros_like(x) for x in g])
    state["m"] = m = [b1 * a + (1 - b1) * b for a, b in zip(m, g, strict=True)]
    state["v"] = v = [b2 * a + (1 - b2) * b**2 for a, b in zip(v, g, strict=True)]
    corrected = [(a / (1 - b1**t), b / (1 - b2**t)) for a, b in zip(m, v, strict=True)]
    return [a / (np.sqrt(b) + eps) for a, b in corrected]  # algorithm 6


def reference(direction, alpha, beta, steps):
    """Returns the rate of each step and where the last one ends."""
    thetas, state, rates = START, {}, []
    previous = [np.zeros_like(theta) for theta in thetas]
    for t in range(1, steps + 1):
        g = gradients(thetas)
        alpha += beta * dot(g, previous)
        previous = direction(g, state, t)
        thetas = [a - alpha * b for a, b in zip(thetas, previous, strict=True)]
        rates.append(alpha)
    return rates, thetas


def rate_of(optimizer):
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


def run(optimizer, steps, variables=None):
    variables = variables or [keras.Variable(theta, dtype="float32") for theta in START]
    rates = []
    for _ in range(steps):
        now = [keras.ops.convert_to_numpy(v) for v in variables]
        grads = [keras.ops.convert_to_tensor(g, "float32") for g in gradients(now)]
        optimizer.apply(grads, variables)
        rates.append(rate_of(optimizer))
    return rates, [keras.ops.convert_to_numpy(v) for v in variables]


CASES = {
    "SGD-HD": (lambda: HypergradientSGD(0.02, hypergradient_rate=0.001), sgd_hd, 0.001),
    "SGDN-HD": (
        lambda: HypergradientSGD(0.02, hypergradient_rate=1e-4, momentum=0.9),
        sgdn_hd,
        1e-4,
    ),
    "heavy ball": (
        lambda: HypergradientSGD(0.02, hypergradient_rate=1e-4, momentum=0.9, nesterov=False),
        heavy_ball_hd,
        1e-4,
    ),
    "Adam-HD": (
        lambda: HypergradientAdam(0.02, hypergradient_rate=1e-3, beta_2=0.99),
        adam_hd,
        1e-3,
    ),
}
every_case = pytest.mark.parametrize(("make", "direction", "beta"), CASES.values(), ids=CASES)


@every_case
def test_updates_are_those_of_the_paper(make, direction, beta):
    rates, thetas = run(make(), 40)
    expected_rates, expected = reference(direction, 0.02, beta, 40)
    np.testing.assert_allclose(rates, expected_rates, rtol=1e-4)
    for ours, theirs in zip(thetas, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    assert abs(rates[-1] / 0.02 - 1) > 0.2  # The rate has been learnt at all.


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (HypergradientSGD(0.1, hypergradient_rate=0), keras.optimizers.SGD(0.1)),
        (HypergradientAdam(0.1, hypergradient_rate=0), keras.optimizers.Adam(0.1, epsilon=1e-8)),
    ],
)
def test_without_a_hypergradient_it_is_the_plain_optimizer(ours, theirs):
    for a, b in zip(run(ours, 10)[1], run(theirs, 10)[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@every_case
def test_copy_from_the_config(make, direction, beta):
    optimizer = make()
    config = keras.saving.serialize_keras_object(optimizer)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(optimizer)
    assert copy.get_config() == optimizer.get_config()
    assert run(copy, 5)[0] == run(optimizer, 5)[0]


def model_and_data(optimizer, rows=64):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 3)).astype("float32")
    y = (x @ [[1.0], [-2.0], [0.5]]).astype("float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer, loss="mse")
    return model, x, y


@every_case
def test_training_goes_on_from_a_file(make, direction, beta, tmp_path):
    model, x, y = model_and_data(make())
    settings = {"batch_size": 16, "shuffle": False, "verbose": 0}
    model.fit(x, y, epochs=2, **settings)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for trained in (model, loaded):
        trained.fit(x, y, epochs=2, **settings)
    assert rate_of(loaded.optimizer) == rate_of(model.optimizer)
    for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("plain", "learning"),
    [
        (keras.optimizers.SGD(1e-5), HypergradientSGD(1e-5, hypergradient_rate=1e-3)),
        (keras.optimizers.Adam(1e-6), HypergradientAdam(1e-6, hypergradient_rate=1e-4)),
    ],
)
def test_rate_that_is_far_too_small_recovers(plain, learning):
    losses = []
    for optimizer in (plain, learning):
        model, x, y = model_and_data(optimizer)
        losses.append(model.fit(x, y, epochs=30, batch_size=16, verbose=0).history["loss"])
    assert losses[0][-1] > 0.9 * losses[0][0]
    assert losses[1][-1] < 0.05 * losses[1][0]


def test_accumulated_gradients_are_one_step():
    whole, x, y = model_and_data(HypergradientSGD(0.01, hypergradient_rate=0.001))
    optimizer = HypergradientSGD(0.01, hypergradient_rate=0.001, gradient_accumulation_steps=4)
    parts, _, _ = model_and_data(optimizer)
    whole.fit(x, y, batch_size=64, epochs=5, shuffle=False, verbose=0)
    parts.fit(x, y, batch_size=16, epochs=5, shuffle=False, verbose=0)
    np.testing.assert_allclose(rate_of(parts.optimizer), rate_of(whole.optimizer), rtol=1e-5)


def test_loss_scaling():
    inner = HypergradientSGD(0.01, hypergradient_rate=0.001)
    scaled, x, y = model_and_data(keras.optimizers.LossScaleOptimizer(inner, initial_scale=8.0))
    plain, _, _ = model_and_data(HypergradientSGD(0.01, hypergradient_rate=0.001))
    for model in (scaled, plain):
        model.fit(x, y, epochs=2, shuffle=False, verbose=0)
    assert rate_of(inner) == pytest.approx(rate_of(plain.optimizer))


@pytest.mark.filterwarnings("ignore:Converting sparse IndexedSlices")
def test_sparse_gradients_of_an_embedding():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Embedding(5, 3)])
    model.compile(HypergradientSGD(0.1, hypergradient_rate=0.1), loss="mse")
    model.fit(np.ones((8, 2)), np.ones((8, 2, 3)), batch_size=4, epochs=2, verbose=0)
    assert rate_of(model.optimizer) > 0.1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HypergradientSGD(float("nan")), "`learning_rate` to be a number"),
        (
            lambda: HypergradientSGD(keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.9)),
            "`learning_rate` to be a number, which training changes",
        ),
        (lambda: HypergradientSGD(hypergradient_rate=-1), "`hypergradient_rate` to be a number"),
        (lambda: HypergradientSGD(momentum=1), "`momentum` to be a fraction"),
        (lambda: HypergradientAdam(beta_1=1), "`beta_1` to be a fraction"),
        (lambda: HypergradientAdam(epsilon=0), "`epsilon` to be a positive number"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)
