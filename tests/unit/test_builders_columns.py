"""Tables of numbers and categories."""

from types import SimpleNamespace

import keras
import keras_tuner as kt
import numpy as np
import pandas as pd
import pytest

from kt_extensions.builders import MLP, read_columns
from kt_extensions.builders.columns import CategoryNumber

ROWS = 90
RNG = np.random.default_rng(0)
TABLE = {
    "age": RNG.uniform(20, 60, ROWS),
    "income": RNG.uniform(1e3, 1e5, ROWS),
    "job": np.array(["clerk", "nurse", "smith"] * 30, dtype=object),
    "month": np.array([1, 5, 9] * 30),
    "member": np.array([True, False] * 45),
}
COLUMNS = {**read_columns(TABLE), "month": [1, 5, 9]}
needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="models of strings need TensorFlow"
)


def trained(encoding, **arguments):
    hypermodel = MLP(input_shape=COLUMNS, outputs=3, encoding=encoding, depth=1, **arguments)
    hp = kt.HyperParameters()
    model = hypermodel.build(hp)
    hypermodel.fit(hp, model, TABLE, np.arange(ROWS) % 3, verbose=0)
    return model


def test_columns_are_read():
    assert read_columns(TABLE) == {
        "age": "number",
        "income": "number",
        "job": ["clerk", "nurse", "smith"],
        "month": "number",
        "member": [0, 1],
    }


def test_unreadable_column():
    with pytest.raises(ValueError, match=r"column 'a' of \['NoneType', 'str'\]"):
        read_columns({"a": np.array(["x", None], dtype=object)})


@needs_tensorflow
@pytest.mark.parametrize(("encoding", "width"), [("one_hot", 2 + 4 + 4 + 3), ("embedding", 2 + 9)])
def test_encodings(encoding, width):
    model = trained(encoding, embedding_size=3)
    *_, vector = [layer for layer in model.layers if layer.name.startswith("concatenate")]
    assert vector.output.shape == (None, width)


@needs_tensorflow
@pytest.mark.parametrize("encoding", ["one_hot", "embedding"])
def test_category_learnt(encoding):
    hypermodel = MLP(
        input_shape=COLUMNS, outputs=3, encoding=encoding, depth=1, learning_rate=0.03, dropout=0.0
    )
    hp = kt.HyperParameters()
    model = hypermodel.build(hp)
    y = np.arange(ROWS) % 3  # the job tells it, and so does the month
    hypermodel.fit(hp, model, TABLE, y, epochs=20, verbose=0)
    assert model.evaluate(TABLE, y, verbose=0, return_dict=True)["accuracy"] == 1.0


@needs_tensorflow
@pytest.mark.parametrize("encoding", ["one_hot", "embedding"])
def test_unknown_categories_are_alike(encoding):
    model = trained(encoding)
    one = {name: column[:1] for name, column in TABLE.items()}
    first, second, known = (
        model.predict({**one, "job": np.array([job], dtype=object)}, verbose=0)
        for job in ("judge", "baker", "nurse")
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - known).max() > 1e-6


@needs_tensorflow
@pytest.mark.parametrize("encoding", ["one_hot", "embedding"])
def test_model_is_saved_with_its_vocabulary(encoding, tmp_path):
    model = trained(encoding)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(TABLE), model.predict(TABLE))


@needs_tensorflow
def test_numbers_are_normalized_by_the_training_data():
    layer = trained("one_hot").get_layer("input_normalization")
    expected = [[TABLE["age"].mean(), TABLE["income"].mean()]]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer.mean), expected, rtol=1e-5)


def test_size_of_an_embedding_belongs_to_embeddings():
    hp = kt.HyperParameters()
    MLP(input_shape={"month": [1, 2]}, outputs=3).build(hp)
    [p] = [p for p in hp.space if p.name == "embedding_size"]
    assert [(c.name, c.values) for c in p.conditions] == [("encoding", ["embedding"])]


def test_table_of_numbers_has_no_encoding():
    hp = kt.HyperParameters()
    MLP(input_shape={"a": "number", "b": "number"}, outputs=3).build(hp)
    assert not {"encoding", "embedding_size"} & {p.name for p in hp.space}


def test_normalization_belongs_to_columns_of_numbers():
    for columns, names in [({"a": [1, 2]}, []), ({"a": "number"}, ["input_normalization"])]:
        hp = kt.HyperParameters()
        hypermodel = MLP(input_shape=columns, outputs=3, input_normalization=[False, True])
        hypermodel.build(hp)
        assert [p.name for p in hp.space if p.name == "input_normalization"] == names


def test_categories_may_be_those_of_numpy():
    columns = {"month": list(np.unique([3, 1, 3])), "speed (km)": "number"}
    hypermodel = MLP(input_shape=columns, outputs=2, depth=1)
    model = hypermodel.build(hp := kt.HyperParameters())
    table = {"month": np.array([1, 3]), "speed (km)": np.array([0.5, 1.5])}
    hypermodel.fit(hp, model, table, np.array([0, 1]), verbose=0)
    assert model.predict(table, verbose=0).shape == (2, 2)


@pytest.mark.parametrize(
    ("column", "outputs"), [("head", 2), ("price", {"price": 2}), ("input_normalization", 2)]
)
def test_columns_do_not_bear_the_names_of_outputs(column, outputs):
    with pytest.raises(ValueError, match=rf"Received: input_shape=\['{column}'\]. Rename them"):
        MLP(input_shape={column: "number", "a": "number"}, outputs=outputs)


def test_column_may_be_called_numbers():
    hypermodel = MLP(input_shape={"numbers": "number", "head": "number"}, outputs={"y": 2})
    assert set(hypermodel.build(kt.HyperParameters()).input) == {"numbers", "head"}


@needs_tensorflow
@pytest.mark.parametrize("encoding", ["one_hot", "embedding"])
def test_columns_bear_any_names(encoding, tmp_path):
    """Also those of which TensorFlow could not name a layer, and those that layers would have."""
    job = np.array(["nurse", "clerk"] * 4, dtype=object)
    names = ["job title", "job_title", "größe (m²)", "_", "job"]
    table = {**dict.fromkeys(names, job), "job_number": np.arange(8.0)}
    hypermodel = MLP(input_shape=read_columns(table), outputs=2, encoding=encoding, depth=1)
    hp = kt.HyperParameters()
    model = hypermodel.build(hp)
    hypermodel.fit(hp, model, table, np.arange(8) % 2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(table, verbose=0), model.predict(table, verbose=0))


def test_columns_without_names_are_not_read():
    with pytest.raises(ValueError, match="`table` to be a dictionary by names"):
        read_columns({0: np.ones(3)})


def test_category_numbers():
    layer = CategoryNumber([7, -2, 40])
    numbers = layer(np.array([[7.0], [40.0], [-2.0], [0.0]]))
    assert keras.ops.convert_to_numpy(numbers).ravel().tolist() == [1, 3, 2, 0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "a shape, or a dictionary of columns"),
        ({"a": "numbers"}, "'number' or a list of different strings or integers"),
        ({"a": []}, r"input_shape\['a'\]"),
        ({"a": [1, 1]}, "different"),
        ({"a": [1, "x"]}, "strings or integers"),
        ({"a": [1.5]}, "strings or integers"),
        ({0: "number"}, "by names, strings without '/'. Received: input_shape=0"),
        ({"km/h": "number"}, "Received: input_shape='km/h'. Rename it"),
    ],
)
def test_wrong_columns(columns, message):
    with pytest.raises(ValueError, match=message):
        MLP(input_shape=columns, outputs=3)


class Unknown:
    """The column of a dataset of which nothing is told."""

    shape = SimpleNamespace(rank=None)

    def __repr__(self):
        return "<unknown>"


@needs_tensorflow
@pytest.mark.parametrize("kind", ["str", "category", object])
def test_a_data_frame_as_the_message_says(kind):
    table = pd.DataFrame({n: TABLE[n] for n in TABLE}).astype({"job": kind})
    hypermodel = MLP(input_shape=COLUMNS, outputs=3)
    with pytest.raises(ValueError, match=r"{name: table.name.\.to_numpy\(\) for name in table}"):
        hypermodel.check(table, np.zeros(ROWS))
    hypermodel.check({name: table[name].to_numpy() for name in table}, np.zeros(ROWS))


@needs_tensorflow
@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.ones((ROWS, 5)), "a dictionary of arrays with the keys .*Received: ndarray"),
        ({"age": TABLE["age"]}, r"Received: \['age'\]"),
        ({**TABLE, "age": np.ones((ROWS, 2))}, r"one value for each row in `x\['age'\]`"),
        ({**TABLE, "job": TABLE["job"].astype(str)}, "column.astype.object"),
        ({**TABLE, "job": pd.Series(TABLE["job"])}, r"of pandas of type.*column.to_numpy\(\)"),
        ({**TABLE, "age": pd.Series([1] * ROWS, dtype="Int64")}, r"`x\['age'\]` as Keras takes it"),
        ({**TABLE, "age": Unknown()}, r"one value for each row in `x\['age'\]`. Received: <unk"),
        ({**TABLE, "age": TABLE["age"][:5]}, "as many (samples as targets|targets `y` as samples)"),
    ],
)
def test_wrong_tables(table, message):
    with pytest.raises(ValueError, match=message):
        MLP(input_shape=COLUMNS, outputs=3).check(table, np.zeros(ROWS))
