"""Search spaces of whole families of models, ready for a tuner."""

from .cnn import CNN, build_cnn
from .columns import read_columns
from .gru import GRU, build_gru
from .inputs import adapt_inputs
from .mlp import MLP, build_mlp
from .windows import windows

__all__ = [
    "CNN",
    "GRU",
    "MLP",
    "adapt_inputs",
    "build_cnn",
    "build_gru",
    "build_mlp",
    "read_columns",
    "windows",
]
