"""Arrow arrays made of buffers.

`pa.array` and `pa.repeat` import pandas when it is installed, and that takes longer than many a
request: what a whole scan needs is made here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["array_of_numbers", "repeated_text"]


def array_of_numbers(values: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> pa.Array:
    """Give numbers to Arrow as they are.

    Args:
        values: Of any numeric type.
        valid: Which of them count; the others become null. None for all.

    Returns:
        An array over the same memory.
    """
    bits = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    buffers = [bits, pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), buffers)


def repeated_text(text: str, count: int) -> pa.Array:
    """Give a text as often as there are rows.

    Args:
        text: The text.
        count: How often.

    Returns:
        An array of strings.
    """
    data = text.encode()
    offsets = np.arange(count + 1, dtype=np.int64) * len(data)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data * count)]
    return pa.Array.from_buffers(pa.large_string(), count, buffers).cast(pa.string())
