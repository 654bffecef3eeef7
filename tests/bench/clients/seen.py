"""What a job saw, in numbers that must be the same for every client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Seen = dict[str, Any]


def checksum(values: Any) -> int:
    """Sum values in millionths, as whole numbers: the order does not matter."""
    return int(np.rint(np.asarray(values, float) * 1e6).astype(np.int64).sum())


def seen_rows(parts: Iterable[tuple[int, int]]) -> Seen:
    """Count runs, their rows, and add their checksums."""
    counted = list(parts)
    return {
        "runs": len(counted),
        "rows": sum(rows for rows, _ in counted),
        "sum": sum(total for _, total in counted),
    }


def seen_files(folder: Path) -> Seen:
    """Count the files in a folder, and their bytes."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return {"files": len(sizes), "bytes": sum(sizes)}
