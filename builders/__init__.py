"""Search spaces of whole families of models, ready for a tuner."""

from .mlp import MLP, build_mlp

__all__ = ["MLP", "build_mlp"]
