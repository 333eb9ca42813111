"""Random changes of images in the training."""

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions.builders import CNN, build_cnn
from kt_extensions.builders.augmentation import RandomContrast

IMAGES = np.random.default_rng(0).uniform(0, 255, size=(64, 8, 8, 3)).astype("float32")
KINDS = {"RandomFlip", "RandomRotation", "RandomZoom", "RandomContrast"}


def model_of(input_shape=(8, 8, 1), **arguments):
    return build_cnn(kt.HyperParameters(), input_shape=input_shape, outputs=2, **arguments)


def augmentations(model):
    return [layer for layer in model.layers if type(layer).__name__ in KINDS]


def augmented(images, **arguments):
    """Returns what the augmentation makes of images in the training."""
    model = model_of(images.shape[1:], **arguments)
    x = keras.ops.convert_to_tensor(images)
    for layer in augmentations(model):
        x = layer(x, training=True)
    return keras.ops.convert_to_numpy(x)


def test_off_by_default():
    assert augmentations(model_of()) == []


def test_on_where_asked_for_and_before_the_blocks():
    model = model_of(flip="both", rotation=0.1, zoom=0.2, contrast=0.3, input_normalization=True)
    names = [type(layer).__name__ for layer in model.layers]
    assert names[:7] == [
        "InputLayer",
        "Normalization",
        "RandomFlip",
        "RandomRotation",
        "RandomZoom",
        "RandomContrast",
        "Conv2D",
    ]


def test_strengths_reach_the_layers():
    flip, rotation, zoom, contrast = augmentations(
        model_of(flip="horizontal", rotation=0.1, zoom=0.2, contrast=0.3)
    )
    assert flip.mode == "horizontal"
    assert rotation.factor == (-0.1, 0.1)
    assert zoom.height_factor == (-0.2, 0.2)
    assert contrast.strength == 0.3


def test_hyperparameters_of_what_is_tuned():
    hp = kt.HyperParameters()
    CNN(
        input_shape=(8, 8, 3),
        outputs=2,
        flip=["none", "horizontal"],
        rotation=(0, 0.1),
        zoom=[0.1, 0.2],
        contrast=0.3,
    ).build(hp)
    space = {p.name: p for p in hp.space}
    assert space["flip"].values == ["none", "horizontal"]
    assert (space["rotation"].min_value, space["rotation"].max_value) == (0.0, 0.1)
    assert space["zoom"].values == [0.1, 0.2]
    assert "contrast" not in space
    assert all(space[name].conditions == [] for name in ("flip", "rotation", "zoom"))


@pytest.mark.parametrize(("flip", "axes"), [("horizontal", 2), ("vertical", 1), ("both", (1, 2))])
def test_flips_mirror_some_images(flip, axes):
    out = augmented(IMAGES, flip=flip)
    mirrored = np.flip(IMAGES, axes)
    share = np.mean([np.array_equal(a, b) for a, b in zip(out, mirrored, strict=True)])
    assert 0.05 < share < 0.8


@pytest.mark.parametrize("kind", ["rotation", "zoom"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_moved_images_keep_their_shape_and_range(kind, channels):
    images = np.repeat(IMAGES[..., :1], channels, -1)
    out = augmented(images, **{kind: 0.2})
    assert out.shape == images.shape
    assert np.any(out != images)
    assert out.min() >= -0.01
    assert out.max() <= 255.01


def test_contrast_keeps_means_and_scales_differences():
    out = keras.ops.convert_to_numpy(RandomContrast(0.5, seed=1)(IMAGES, training=True))
    mean = IMAGES.mean((1, 2), keepdims=True)
    np.testing.assert_allclose(out.mean((1, 2), keepdims=True), mean, rtol=1e-4)
    factors = np.median((out - mean) / (IMAGES - mean), axis=(1, 2, 3))
    np.testing.assert_allclose(out, mean + (IMAGES - mean) * factors[:, None, None, None], atol=0.1)
    assert 0.5 <= factors.min() < 0.7
    assert 1.3 < factors.max() <= 1.5


def test_contrast_does_not_clip_normalized_images():
    images = IMAGES / 100 - 1.3
    out = keras.ops.convert_to_numpy(RandomContrast(0.1, seed=1)(images, training=True))
    assert out.min() < -1


def test_predictions_see_the_images_as_they_are():
    model = model_of((8, 8, 3), flip="both", rotation=0.5, zoom=0.5, contrast=0.5)
    one, two = (model.predict(IMAGES, verbose=0) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(RandomContrast(0.5)(IMAGES), IMAGES)


def test_saved_model_predicts_the_same(tmp_path):
    model = model_of((8, 8, 3), flip="both", rotation=0.1, zoom=0.1, contrast=0.3)
    model.fit(IMAGES, np.zeros(64), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    )
    assert [type(layer) for layer in augmentations(loaded)] == [
        type(layer) for layer in augmentations(model)
    ]
    assert augmentations(loaded)[-1].strength == 0.3


@pytest.mark.parametrize("shape", [(8, 1), (8, 8, 2), (4, 4, 4, 1)])
@pytest.mark.parametrize(
    "argument", [{"flip": "both"}, {"rotation": (0, 0.1)}, {"zoom": [0, 0.1]}, {"contrast": 0.1}]
)
def test_images_only(shape, argument):
    [name] = argument
    with pytest.raises(ValueError, match=f"beside `{name}`.*Received: {name}=") as error:
        CNN(input_shape=shape, outputs=2, **argument)
    assert f"input_shape={shape}" in str(error.value)


@pytest.mark.parametrize("shape", [(8, 1), (8, 8, 2), (4, 4, 4, 1)])
def test_off_for_what_is_no_image(shape):
    off = {"flip": ["none"], "rotation": 0, "zoom": (0, 0), "contrast": [0.0]}
    hp = kt.HyperParameters()
    model = CNN(input_shape=shape, outputs=2, **off).build(hp)
    assert augmentations(model) == []
    assert not off.keys() & {p.name for p in hp.space}


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"flip": "up"}, "`flip` to be one of"),
        ({"rotation": 1.0}, "`rotation` to be a number of at least 0 and below 1"),
        ({"zoom": -0.1}, "`zoom`"),
        ({"contrast": (0.2, 0.1)}, "Swap the two ends"),
    ],
)
def test_wrong_arguments_raise(argument, message):
    with pytest.raises(ValueError, match=message):
        CNN(input_shape=(8, 8, 1), outputs=2, **argument)


def test_contrast_of_another_strength_raises():
    with pytest.raises(ValueError, match="`strength` to be a number from 0 to 1"):
        RandomContrast(1.5)
