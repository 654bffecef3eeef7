"""One number for all that the runs of a store have logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.arrow.digest import DIGEST_MODULUS, long_digest
from wbexport.store.reader import read_long

if TYPE_CHECKING:
    import pyarrow as pa

    from wbexport.store.database import Store


def digest_of(store: Store) -> str:
    """Digest everything that all runs of a store have logged."""
    cursor = store.cursor()
    runs = cursor.execute("select run_no, storage_id from stored.runs").fetchall()
    parts = (long_digest(name, "history", _long(store, number)) for number, name in runs)
    return f"{sum(parts) % DIGEST_MODULUS:032x}"


def _long(store: Store, run_no: int) -> pa.Table:
    return read_long(store.cursor(), [run_no]).drop_columns(["run_no"])
