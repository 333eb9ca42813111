"""What docs/builders.md says of arguments is complete."""

import inspect

from kt_extensions import builders
from tests.docs.pages import PAGES


def test_arguments_of_all_families_are_named_on_the_page():
    names = set.intersection(
        *(set(inspect.signature(f).parameters) for f in (builders.MLP, builders.CNN, builders.GRU))
    )
    assert len(names) > 30
    own = {"decay_rate", "gamma", "drop", "step_epochs", "schedule_patience", "name", "tunable"}
    own |= {"dense_units"}
    page = PAGES["docs/builders.md"].read_text()
    assert [name for name in names - own if f"`{name}`" not in page] == []
