"""The devices of a trial: which are chosen, and what is refused, with the reason."""

from __future__ import annotations

import pickle
import sys
import types
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import kt_extensions as kte
from kt_extensions import distribute
from kt_extensions.distribute import Distribution, checked, replicas
from kt_extensions.tuners import shared_batches
from kt_extensions.tuners.replicas import kept
from kt_extensions.tuners.shared_batches import problem_of_data

ROWS = np.zeros((128, 3), "float32")


def one_device() -> Any:
    return tf.distribute.OneDeviceStrategy("CPU:0")


class Mirrored(tf.distribute.OneDeviceStrategy):
    """Stands for one on devices that this machine has not got."""

    def __init__(self, devices: list[str]) -> None:
        super().__init__("CPU:0")
        self.devices = devices

    @property
    def extended(self) -> Any:
        return types.SimpleNamespace(worker_devices=tuple(self.devices))


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Makes TensorFlow tell of GPUs; a list to put them in."""
    found: list[Any] = []
    really = tf.config.list_logical_devices
    listed = lambda kind=None: found if kind == "GPU" else really(kind)  # noqa: E731
    monkeypatch.setattr(tf.config, "list_logical_devices", listed)
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", Mirrored)
    monkeypatch.setattr(tf.distribute, "OneDeviceStrategy", lambda device: Mirrored([device]))
    monkeypatch.setattr(distribute, "_MIRRORED", [])
    return found


def gpu(number: int) -> Any:
    return types.SimpleNamespace(name=f"GPU:{number}")


@pytest.fixture
def jax(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes Keras tell that it runs on JAX; the module, with one process."""
    module = types.ModuleType("jax")
    module.process_count = lambda: 1
    monkeypatch.setitem(sys.modules, "jax", module)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    return module


def jax_devices(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: list(names))


def test_auto_mirrors_on_several_accelerators_only(gpus: list[Any]) -> None:
    assert Distribution("auto").made() is None
    gpus.append(gpu(0))
    assert Distribution("auto").made() is None
    gpus.append(gpu(1))
    assert Distribution("auto").made().devices == ["GPU:0", "GPU:1"]


def test_mirrored_takes_all_accelerators_or_all_processors(gpus: list[Any]) -> None:
    [cpu] = tf.config.list_logical_devices("CPU")
    assert Distribution("mirrored").made().devices == [cpu.name]
    distribute._MIRRORED.clear()
    gpus += [gpu(0), gpu(1), gpu(2)]
    assert Distribution("mirrored").made().devices == ["GPU:0", "GPU:1", "GPU:2"]


def test_one_device_is_the_first_accelerator(gpus: list[Any]) -> None:
    gpus += [gpu(0), gpu(1)]
    assert Distribution("one-device").made().devices == ["GPU:0"]


def test_a_process_has_one_mirrored_strategy(gpus: list[Any]) -> None:
    """TensorFlow mixes up the reductions of two: see the pin in the integration tests."""
    first = Distribution(lambda: Mirrored(["GPU:0", "GPU:1"])).made()
    assert Distribution(lambda: Mirrored(["GPU:0", "GPU:1"])).made() is first
    assert checked(Mirrored(["GPU:0", "GPU:1"])) is first
    with pytest.raises(ValueError, match=r"mirrored models on, \['GPU:0', 'GPU:1'\].*isolate=True"):
        Distribution(lambda: Mirrored(["GPU:2", "GPU:3"])).made()


@pytest.mark.parametrize(
    ("strategy", "devices", "chosen"),
    [
        ("auto", ["cpu:0", "cpu:1"], None),
        ("auto", ["gpu:0"], None),
        ("auto", ["gpu:0", "gpu:1"], ["gpu:0", "gpu:1"]),
        ("mirrored", ["cpu:0", "cpu:1"], ["cpu:0", "cpu:1"]),
        ("one-device", ["gpu:0", "gpu:1"], ["gpu:0"]),
    ],
)
def test_devices_of_jax(
    jax: Any,
    monkeypatch: pytest.MonkeyPatch,
    strategy: str,
    devices: list[str],
    chosen: list[str] | None,
) -> None:
    jax_devices(monkeypatch, *devices)
    made = Distribution(strategy).made()
    found = None if made is None else made.device_mesh.devices.tolist()
    assert found == chosen
    assert replicas(made) == len(chosen or [0])


def test_several_processes_of_jax_are_refused(jax: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    jax_devices(monkeypatch, "gpu:0", "gpu:1")
    jax.process_count = lambda: 4
    with pytest.raises(ValueError, match=r"one JAX process.*4 processes.*as workers of the same"):
        Distribution("mirrored").made()


def test_replicas_of_a_mesh_are_those_that_share_a_batch() -> None:
    names = [f"gpu:{i}" for i in range(6)]
    mesh = keras.distribution.DeviceMesh((2, 3), ["data", "model"], names)
    layouts = keras.distribution.LayoutMap(mesh)
    assert replicas(keras.distribution.ModelParallel(layout_map=layouts)) == 2


@pytest.mark.parametrize("strategy", ["miror", 3, ["mirrored"], lambda n: n])
def test_what_is_no_strategy_is_refused(strategy: Any) -> None:
    with pytest.raises(ValueError, match=r"'auto', 'mirrored', 'one-device', or a function"):
        kte.TPE(lambda hp: None, "val_loss", strategy=strategy)


def test_pytorch_is_refused_with_the_alternatives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    for strategy in ("auto", "mirrored", one_device):
        with pytest.raises(ValueError, match=r"KERAS_BACKEND=jax.*several trials at once"):
            Distribution(strategy)
    with pytest.raises(ValueError, match=r"KERAS_BACKEND=jax.*several trials at once"):
        checked(one_device())
    assert Distribution(None).made() is None


def test_functions_that_return_no_strategy_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`tf.distribute.Strategy` with the tensorflow.*None"):
        Distribution(lambda: None).made()


def test_a_strategy_of_tensorflow_is_refused_on_jax(jax: Any) -> None:
    with pytest.raises(ValueError, match=r"`keras.distribution.DataParallel` or .* with the jax"):
        Distribution(one_device).made()


def test_one_of_both_arguments() -> None:
    with pytest.raises(ValueError, match=r"one of `strategy` and `distribution_strategy`"):
        kte.TPE(lambda hp: None, "val_loss", strategy="auto", distribution_strategy=one_device())


def test_what_exists_in_one_process_is_refused_with_isolation() -> None:
    with pytest.raises(ValueError, match=r"exists in one process only.*a function that makes it"):
        kte.TPE(lambda hp: None, "val_loss", isolate=True, distribution_strategy=one_device())


def test_a_distribution_of_the_program_is_refused_with_isolation() -> None:
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=["cpu:0"]))
    try:
        with pytest.raises(ValueError, match=r"cannot be handed to the processes.*'mirrored'"):
            kte.TPE(lambda hp: None, "val_loss", isolate=True)
    finally:
        keras.distribution.set_distribution(None)


def test_a_function_is_called_once_and_again_in_another_process() -> None:
    calls = []
    distribution = Distribution(lambda: calls.append(1) or one_device())
    assert distribution.made() is distribution.made()
    assert len(calls) == 1
    named = Distribution("one-device")
    made = named.made()
    copied = pickle.loads(pickle.dumps(named))
    assert copied.made() is not made
    assert isinstance(copied.made(), tf.distribute.OneDeviceStrategy)


def test_the_policy_is_kept_and_set_again() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        with kept() as set_again:
            keras.backend.clear_session()
            assert keras.config.dtype_policy().name == "float32"
            set_again()
            assert keras.config.dtype_policy().name == "mixed_float16"
            keras.config.set_dtype_policy("bfloat16")
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy("float32")


# Rows, batch size, and which batch is refused with two replicas.
BATCHES = [
    (96, 16, None, None),
    (98, 16, None, None),
    (99, 16, None, 3),  # TensorFlow weighs the rows of the last batch a little differently
    (97, 16, 1, 1),
    (90, 15, 15, 15),
    (7, 16, 7, 7),
]


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
@pytest.mark.parametrize(("rows", "size", "with_tensorflow", "with_jax"), BATCHES)
def test_batches_that_replicas_cannot_share(
    monkeypatch: pytest.MonkeyPatch,
    backend: str,
    rows: int,
    size: int,
    with_tensorflow: int | None,
    with_jax: int | None,
) -> None:
    refused = with_tensorflow if backend == "tensorflow" else with_jax
    text = problem(monkeypatch, backend, x=ROWS[:rows], batch_size=size)
    if refused is None:
        assert text is None
    else:
        assert f"{rows} rows to train with in batches of {size}" in text
        assert f"one has {refused} row" in text
        even = f"Leave out {rows % 2} of the rows" if refused != size else "a multiple of 2"
        assert even in text


def problem(monkeypatch: pytest.MonkeyPatch, backend: str, **settings: Any) -> str | None:
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(shared_batches, "strategy_of", lambda model: None)
    monkeypatch.setattr(shared_batches, "replicas", lambda strategy: 2)
    return problem_of_data(keras.Sequential(), settings)


def test_validation_rows_are_looked_at_too(monkeypatch: pytest.MonkeyPatch) -> None:
    told = problem(monkeypatch, "jax", x=ROWS[:105], validation_split=0.2, batch_size=20)
    assert "21 rows to validate with in batches of 20, of which one has 1 row." in told
    told = problem(monkeypatch, "tensorflow", x=ROWS, validation_data=(ROWS[:5], ROWS[:5]))
    assert "5 rows to validate with in batches of 32, of which one has 5 rows" in told
    assert problem(monkeypatch, "tensorflow", x=ROWS, validation_data=(ROWS[:33], None)) is None


def test_data_of_unknown_length_and_a_number_of_steps_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problem(monkeypatch, "jax", x=iter([])) is None
    assert problem(monkeypatch, "jax", x=ROWS[:97], batch_size=16, steps_per_epoch=6) is None
    assert problem(monkeypatch, "jax", x={"a": ROWS, "b": ROWS[:, :1]}, batch_size=16) is None
