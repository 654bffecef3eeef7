"""One row per run: every config and summary value has a column."""

from __future__ import annotations

import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tests.arrow.strategies import values
from wbexport.arrow.flatten import COLUMN_PATHS, flatten_runs

objects = st.dictionaries(st.sampled_from(["a", "b", "a.b", "a.b#2", "é", ""]), values, max_size=3)


def runs_of(configs, summaries=None):
    summaries = summaries or [None] * len(configs)
    return pa.table(
        {
            "run_id": [str(number) for number in range(len(configs))],
            "config": pa.array([c if c is None else json.dumps(c) for c in configs], pa.string()),
            "summary": pa.array(
                [s if s is None else json.dumps(s) for s in summaries], pa.string()
            ),
        }
    )


def leaves(value, path):
    if isinstance(value, dict) and (value or path == ("config",)):
        return {
            leaf: item for key in value for leaf, item in leaves(value[key], (*path, key)).items()
        }
    return {path: value}


@given(st.lists(objects, max_size=4))
def test_every_leaf_has_a_column_of_its_own(configs):
    flat = flatten_runs(runs_of(configs))
    paths = json.loads(flat.schema.metadata[COLUMN_PATHS])
    assert flat.num_rows == len(configs)
    assert len(set(flat.column_names)) == len(flat.column_names)
    wanted = {path for config in configs for path in leaves(config, ("config",))}
    assert {tuple(path) for path in paths.values()} == wanted


def test_nested_objects_become_dotted_columns_and_types_are_kept():
    configs = [{"lr": 0.1, "opt": {"name": "adam", "eps": 1}, "layers": [1, 2]}, None]
    flat = flatten_runs(runs_of(configs, [None, {"loss": float("nan"), "n": 3}]))
    first, second = flat.to_pylist()
    assert first["config.lr"] == 0.1
    assert (first["config.opt.name"], first["config.opt.eps"]) == ("adam", 1)
    assert first["config.layers"] == "[1,2]"
    assert (second["summary.n"], str(second["summary.loss"])) == (3, "nan")
    assert second["config.lr"] is None


def test_a_literal_dotted_key_keeps_the_plain_name():
    flat = flatten_runs(runs_of([{"a": {"b": 1}, "a.b": 2}]))
    assert flat.to_pylist() == [{"run_id": "0", "config.a.b": 2, "config.a.b#2": 1}]


def test_a_text_that_spells_a_number_stays_text():
    assert flatten_runs(runs_of([{"a": "NaN"}])).column("config.a").to_pylist() == ["NaN"]
