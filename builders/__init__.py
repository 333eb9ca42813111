"""Search spaces of whole families of models, ready for a tuner."""

from .columns import read_columns
from .inputs import adapt_inputs
from .mlp import MLP, build_mlp

__all__ = ["MLP", "adapt_inputs", "build_mlp", "read_columns"]
