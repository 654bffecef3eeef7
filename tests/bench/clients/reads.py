"""Reads what was synced: with wbexport, with DuckDB by hand, with polars from one Parquet file.

All three end in the same polars frame: same rows, runs in the same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import numpy as np
import polars as pl

import wbexport
from tests.bench.clients.engine import store_in
from tests.bench.clients.seen import checksum
from tests.bench.names import ONE_KEY, PROJECT, THREE_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.bench.clients.seen import Seen

    Look = Callable[[], Seen]

_RUN = "run000001"
_OPTION, _LIMIT = "option_3", 0.5
_SAMPLES = 500
_CALLS = 5

_ONE = """
select r.run_id, h.step as _step, h.value as "KEY"
from stored.history h
join stored.runs r using (run_no)
where r.missing_since is null
    and h.key_no = (select key_no from stored.keys where key = 'KEY' and stream = 'history')
order by r.created_at, r.storage_id, _step
"""
_THREE = """
select r.run_id, step as _step, a.value as "A", b.value as "B", c.value as "C"
from (select * from stored.history where key_no = NO_A) a
HOW (select * from stored.history where key_no = NO_B) b using (run_no, step)
HOW (select * from stored.history where key_no = NO_C) c using (run_no, step)
join stored.runs r using (run_no)
where r.missing_since is null
order by r.created_at, r.storage_id, _step
"""
_RUN_LONG = """
select r.run_id, k.key, h.step as _step, h.value
from stored.history h
join stored.keys k on k.key_no = h.key_no and k.stream = 'history'
join stored.runs r using (run_no)
where r.run_id = ? and r.missing_since is null
"""
_SAMPLED = """
with counted as (
    select run_no, step,
        row_number() over (partition by run_no order by step) - 1 as place,
        count(*) over (partition by run_no) as total
    from (select distinct run_no, step from stored.history)
),
chosen as (
    select run_no, step from counted
    where total <= SAMPLES
        or ((place * (SAMPLES - 1) + total - 2) // (total - 1)) * (total - 1) // (SAMPLES - 1)
            = place
)
select r.run_id, k.key, h.step as _step, h.value
from stored.history h
semi join chosen using (run_no, step)
join stored.keys k using (key_no)
join stored.runs r using (run_no)
where r.missing_since is null
order by r.created_at, r.storage_id, _step
"""
_HISTORY_KEYS = "select key, key_no from stored.keys where stream = 'history'"
_FILTERED = """
select r.*
from stored.runs r
where r.missing_since is null and cast(config->>'OPTION' as double) > LIMIT
order by cast(summary->>'$."KEY"' as double) desc
"""


class Reads:
    """Calls that read; each is made several times."""

    calls = _CALLS

    def __init__(self, _: str, folder: Path) -> None:
        self.file = store_in(folder)


class Wbexport(Reads):
    """The archive's calls."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        self._archive = wbexport.open(self.file)

    def store_one_key(self, _: Path) -> Look:
        return _seen(self._archive.scan_histories(PROJECT, keys=[ONE_KEY]).collect())

    def store_three_keys_all(self, _: Path) -> Look:
        return _seen(self._archive.scan_histories(PROJECT, keys=THREE_KEYS, how="all").collect())

    def store_three_keys_any(self, _: Path) -> Look:
        return _seen(self._archive.scan_histories(PROJECT, keys=THREE_KEYS, how="any").collect())

    def store_wide_run(self, _: Path) -> Look:
        runs = self._archive.runs(PROJECT, filters={"name": _RUN})
        return _seen(runs.scan_histories().collect())

    def store_samples(self, _: Path) -> Look:
        return _seen(self._archive.histories(PROJECT, samples=_SAMPLES, format="polars"))

    def store_filter(self, _: Path) -> Look:
        runs = self._archive.runs(
            PROJECT,
            filters={f"config.{_OPTION}": {"$gt": _LIMIT}},
            order=f"-summary_metrics.{ONE_KEY}",
        )
        return _seen_runs(runs.to_polars())


class Duckdb(Reads):
    """The same queries, written by hand over the same file."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        self._connection = duckdb.connect(str(self.file), read_only=True)

    def store_one_key(self, _: Path) -> Look:
        return _seen(self._query(_ONE.replace("KEY", ONE_KEY)))

    def store_three_keys_all(self, _: Path) -> Look:
        return self._three("join")

    def store_three_keys_any(self, _: Path) -> Look:
        return self._three("full join")

    def store_wide_run(self, _: Path) -> Look:
        long = self._connection.sql(_RUN_LONG, params=[_RUN]).pl()
        return _seen(long.pivot(on="key", index=["run_id", "_step"], values="value").sort("_step"))

    def store_samples(self, _: Path) -> Look:
        long = self._query(_SAMPLED.replace("SAMPLES", str(_SAMPLES)))
        wide = long.pivot(on="key", index=["run_id", "_step"], values="value", maintain_order=True)
        return _seen(wide)

    def store_filter(self, _: Path) -> Look:
        text = _FILTERED.replace("OPTION", _OPTION).replace("LIMIT", str(_LIMIT))
        runs = self._query(text.replace("KEY", ONE_KEY))
        for name in ("config", "summary"):
            values = runs[name].str.json_decode(infer_schema_length=None).struct.unnest()
            runs = runs.drop(name).hstack(values.rename(lambda key, of=name: f"{of}.{key}"))
        return _seen_runs(runs)

    def _three(self, how: str) -> Look:
        numbers = dict(self._connection.sql(_HISTORY_KEYS).fetchall())
        text = _THREE.replace("HOW", how)
        for letter, key in zip("ABC", THREE_KEYS, strict=True):
            text = text.replace(f"NO_{letter}", str(numbers[key])).replace(
                f'"{letter}"', f'"{key}"'
            )
        return _seen(self._query(text))

    def _query(self, text: str) -> pl.DataFrame:
        frame: pl.DataFrame = self._connection.sql(text).pl()
        return frame


class Polars(Reads):
    """Lazy queries over one wide Parquet file, made of the store beforehand."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        self._parquet = folder / "wide.parquet"

    def write(self, _: Path) -> Seen:
        """Make the file."""
        with wbexport.open(self.file) as archive:
            archive.scan_histories(PROJECT).collect().write_parquet(self._parquet)
        return {}

    def store_one_key(self, _: Path) -> Look:
        return _seen(self._of(ONE_KEY).filter(pl.col(ONE_KEY).is_not_null()).collect())

    def store_three_keys_all(self, _: Path) -> Look:
        has_all = pl.all_horizontal(pl.col(THREE_KEYS).is_not_null())
        return _seen(self._of(*THREE_KEYS).filter(has_all).collect())

    def store_three_keys_any(self, _: Path) -> Look:
        has_any = pl.any_horizontal(pl.col(THREE_KEYS).is_not_null())
        return _seen(self._of(*THREE_KEYS).filter(has_any).collect())

    def store_wide_run(self, _: Path) -> Look:
        return _seen(pl.scan_parquet(self._parquet).filter(pl.col("run_id") == _RUN).collect())

    def _of(self, *keys: str) -> pl.LazyFrame:
        return pl.scan_parquet(self._parquet).select("run_id", "_step", *keys)


def _seen(frame: pl.DataFrame) -> Look:
    """What is in a frame, looked at when the clock has stopped: every value, and the order."""

    def look() -> Seen:
        values = frame.select(pl.col(pl.Float64))
        places = pl.Series(range(frame.height), dtype=pl.Int64)
        return {
            "rows": frame.height,
            "columns": values.width,
            "sum": sum(checksum(column.drop_nulls()) for column in values),
            "order": int((places * frame["_step"]).sum()),
        }

    return look


def _seen_runs(frame: pl.DataFrame) -> Look:
    """The runs in their order, and every value of their configs and summaries."""

    def look() -> Seen:
        spread = frame.select(pl.col(r"^(config|summary)\..*$"))
        values = {name: spread[name].to_numpy() for name in sorted(spread.columns)}
        places = np.arange(frame.height) + 1
        sums = {name: checksum(column * places) for name, column in values.items()}
        return {"runs": frame["run_id"].to_list(), "values": sums}

    return look
