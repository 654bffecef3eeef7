"""Events: numbers of every kind, texts and histograms, as other programs wrote them."""

from __future__ import annotations

import math
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboardX.proto.event_pb2 import Event as EventProto
from tensorboardX.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboardX.proto.tensor_pb2 import TensorProto
from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboardX.summary import make_histogram

from wbexport.errors import IntegrityError
from wbexport.tensorboard.events import histogram, parse_event
from wbexport.tensorboard.tensors import short_float

if TYPE_CHECKING:
    from collections.abc import Sequence


def value_of(plugin: str = "", **value: Any) -> Any:
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin))
    summary = Summary(value=[Summary.Value(tag="t", metadata=metadata, **value)])
    event = EventProto(wall_time=1.5, step=-3, summary=summary)
    found = parse_event(event.SerializeToString())
    assert (found.wall_time, found.step) == (1.5, -3)
    return found.values[0][1] if found.values else found.skipped


def tensor(kind: int, shape: Sequence[int] = (), **fields: Any) -> TensorProto:
    dims = [TensorShapeProto.Dim(size=size) for size in shape]
    return TensorProto(dtype=kind, tensor_shape=TensorShapeProto(dim=dims), **fields)


@given(st.floats(width=32, allow_nan=False, allow_subnormal=False))
def test_a_float_is_the_shortest_number_that_stands_for_it(value: float) -> None:
    raw = struct.pack("<f", value)
    found = short_float(raw)
    assert struct.pack("<f", found) == raw
    assert found == float(str(np.float32(value)))


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-30, -5.0, 0.0, math.inf])
def test_a_simple_value_is_a_number(value: float) -> None:
    assert value_of(simple_value=value) == float(str(np.float32(value)))


def test_nan_is_a_number_too() -> None:
    assert math.isnan(value_of(simple_value=math.nan))


@pytest.mark.parametrize("plugin", ["", "scalars"])
@pytest.mark.parametrize(
    ("proto", "value"),
    [
        (tensor(1, float_val=[0.1]), 0.1),
        (tensor(1, tensor_content=struct.pack("<f", 0.1)), 0.1),
        (tensor(2, double_val=[1 / 3]), 1 / 3),
        (tensor(2, tensor_content=struct.pack("<d", 1 / 3)), 1 / 3),
        (tensor(3, int_val=[-7]), -7),
        (tensor(3, tensor_content=struct.pack("<i", -7)), -7),
        (tensor(9, int64_val=[-(2**60)]), -(2**60)),
        (tensor(9, tensor_content=struct.pack("<q", -(2**60))), -(2**60)),
        (tensor(10, bool_val=[True]), True),
        (tensor(19, half_val=[0x3C00]), 1.0),
        (tensor(14, half_val=[0x3FC0]), 1.5),
        (tensor(22, tensor_content=b"\xff" * 4), 2**32 - 1),
        (tensor(23, tensor_content=b"\xff" * 8), 2**64 - 1),
        (tensor(1, shape=[1], float_val=[2.5]), 2.5),
    ],
)
def test_a_tensor_of_one_number_is_that_number(plugin: str, proto: TensorProto, value: Any) -> None:
    found = value_of(plugin, tensor=proto)
    assert (found, type(found)) == (value, type(value))


def test_a_tensor_of_one_text_is_that_text() -> None:
    assert value_of("text", tensor=tensor(7, string_val=["é".encode()])) == "é"


@pytest.mark.parametrize(
    ("plugin", "value", "kind"),
    [
        ("", {"tensor": tensor(1, shape=[2], float_val=[1, 2])}, "tensor"),
        ("pr_curves", {"tensor": tensor(1, shape=[2], float_val=[1, 2])}, "pr_curves"),
        ("", {"tensor": tensor(20)}, "tensor"),
        ("", {"image": Summary.Image(height=1, encoded_image_string=b"png")}, "image"),
        ("", {"audio": Summary.Audio(encoded_audio_string=b"wav")}, "audio"),
        ("hparams", {}, "hparams"),
    ],
)
def test_what_a_history_cannot_hold_is_counted(
    plugin: str, value: dict[str, Any], kind: str
) -> None:
    assert value_of(plugin, **value) == [kind]


@pytest.mark.parametrize(
    "broken",
    [
        tensor(1, shape=[3], float_val=[1, 2]),
        tensor(1, tensor_content=b"abc"),
        tensor(9, tensor_content=b"abc"),
    ],
)
def test_a_tensor_that_contradicts_itself_is_an_error(broken: TensorProto) -> None:
    with pytest.raises(IntegrityError):
        value_of("scalars", tensor=broken)


def test_a_new_histogram_keeps_its_edges() -> None:
    rows = [[0.0, 1.0, 5.0], [1.0, 2.0, 0.0], [2.0, 4.0, 7.0]]
    proto = tensor(2, shape=[3, 3], double_val=[each for row in rows for each in row])
    assert value_of("histograms", tensor=proto) == {
        "_type": "histogram",
        "values": [5, 0, 7],
        "bins": [0, 1, 2, 4],
    }


def test_an_old_histogram_counts_every_value() -> None:
    values = np.array([-2.0, -1.0, 0.0, 0.5, 0.5, 3.0])
    proto = make_histogram(values, [-2.5, -1.5, 0.25, 1.0, 4.0])
    found = value_of(histo=proto)
    assert sum(found["values"]) == 6
    assert len(found["bins"]) == len(found["values"]) + 1
    assert found["bins"] == sorted(found["bins"])


def test_an_open_bucket_ends_at_the_largest_value() -> None:
    proto = HistogramProto(
        min=-1, max=9, bucket_limit=[0, 5, np.finfo(float).max], bucket=[1, 2, 3]
    )
    assert value_of(histo=proto) == {
        "_type": "histogram",
        "values": [1, 2, 3],
        "bins": [-1, 0, 5, 9],
    }


@given(st.lists(st.integers(0, 100), min_size=1, max_size=3000))
def test_a_histogram_has_at_most_512_bins_and_loses_no_value(counts: list[int]) -> None:
    found = histogram(counts, list(range(len(counts) + 1)))
    assert len(found["values"]) <= 512
    assert sum(found["values"]) == sum(counts)
    assert (found["bins"][0], found["bins"][-1]) == (0, len(counts))
    assert len(found["bins"]) == len(found["values"]) + 1


@given(st.binary(max_size=100))
def test_any_bytes_are_an_event_or_an_error(data: bytes) -> None:
    with suppress(IntegrityError):
        parse_event(data)
