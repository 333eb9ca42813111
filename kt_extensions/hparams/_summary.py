"""What a search has found, in TensorBoard's tabs Text and Images, beside the rows."""

from __future__ import annotations

import importlib.util
import io
import time
import warnings
from typing import TYPE_CHECKING, Any

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2
from tensorboard.plugins.image import metadata as images
from tensorboard.plugins.text import metadata as texts

from kt_extensions.hparams._events import write_events
from kt_extensions.logs.markdown import markdown
from kt_extensions.searches import SearchView

if TYPE_CHECKING:
    from kt_extensions.plots.kinds import Kind

_DPI = 110


def write_summary(run: str, search: SearchView) -> None:
    """Writes a text, and figures if matplotlib is installed.

    Args:
        run: The folder of the run to write to. Each call adds a step, the number of trials.
        search: The search.

    Raises:
        OSError: If the folder cannot be written to.
    """
    values = [_text("search", markdown(search))]
    if importlib.util.find_spec("matplotlib") is not None:
        values += _images(search)
    summary = summary_pb2.Summary(value=values)
    write_events(
        run, [event_pb2.Event(wall_time=time.time(), step=len(search.trials), summary=summary)]
    )


def _text(tag: str, text: str) -> Any:
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[text.encode()])
    kind = texts.create_summary_metadata(display_name="", description="")
    return summary_pb2.Summary.Value(tag=tag, metadata=kind, tensor=tensor)


def _image(tag: str, figure: Any) -> Any:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    size = [str(round(_DPI * inches)).encode() for inches in figure.get_size_inches()]
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING, string_val=[*size, buffer.getvalue()]
    )
    tensor.tensor_shape.dim.add(size=3)
    kind = images.create_summary_metadata(display_name="", description="")
    return summary_pb2.Summary.Value(tag=tag, metadata=kind, tensor=tensor)


def _images(search: SearchView) -> list[Any]:
    from kt_extensions.plots.kinds import fitting

    images = (_drawn(kind, search) for kind in fitting(search))
    return [image for image in images if image is not None]


def _drawn(kind: Kind, search: SearchView) -> Any:
    """Returns a picture; `None` for one that cannot be drawn, which must not end a search."""
    try:
        return _image(kind.name, kind.draw(search))
    except Exception as error:
        warnings.warn(
            f"The figure {kind.name!r} could not be drawn for TensorBoard: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
