"""Sample runs, and the table of filters and orders that every reader of them must agree on."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from wbexport.arrow.schema import RUNS

__all__ = ["FILTERS", "HOSTILE_KEYS", "ORDERS", "runs_table", "sample_runs"]

START = datetime(2024, 1, 1, 12)
JSON_COLUMNS = ("config", "wandb_config", "summary", "system_metrics", "history_keys")

#: Metric and config keys that have broken a path language, a quoting rule or a parser somewhere.
HOSTILE_KEYS = [
    *("a.b", "a/b", "/a", "a~b", "~0", "~1", 'a"b', '"', "a'b", "'; drop table canary; --", "\\"),
    *(
        'a\\"b',
        "*",
        "**",
        "$",
        "$.a",
        "$[0]",
        "[0]",
        "#",
        "?",
        "%",
        "_",
        " ",
        "a ",
        "0",
        "-1",
        "null",
    ),
    *(
        "a\nb",
        "a\tb",
        "\x01",
        "\x7f",
        "a\x00b",
        "é",
        "e\u0301",
        "😀",
        "\u2028",
        "\ufeff",
        "\u202eab",
    ),
    *("Loss", "loss", "value", "a,b", "{", "}", "a:b", "--", "/*", "train/loss", "x" * 300),
]

# One value of every type and edge; run i takes the i-th as `config.mixed` and `summary.mixed`.
MIXED: list[Any] = [
    *(1, 1.0, 0, -0.0, 0.5, -3, 1e300, 5e-324, 2**53, 2**53 + 1, 10**400, math.inf, -math.inf),
    *(math.nan, "1", "", "a", "A", "b", "é", "😀", "\uffff", "NaN", "null", "true", "a\x00b"),
    *(
        True,
        False,
        None,
        [],
        {},
        [1, 2],
        [2, 1],
        [1.0, 2],
        ["a", "b"],
        [None],
        [math.nan],
        [[1, 2]],
    ),
    *(
        {"a": 1},
        {"a": 1.0, "b": None},
        {"b": None, "a": 1},
        [True],
        "line\nbreak",
        [{"a": 1}],
        [-0.0],
    ),
]


def _run(number: int, **fields: Any) -> dict[str, Any]:
    run = dict.fromkeys(RUNS.names)
    run |= {
        "storage_id": f"run-{(number * 7919) % 1000:03d}-{number}",
        "run_id": f"id{number:03d}",
        "display_name": f"bright-{'owl' if number % 2 else 'Fox'}-{number}",
        "state": ("finished", "running", "crashed", "failed")[number % 4],
        "username": ("ada", "grace")[number % 2],
        "created_at": START + timedelta(hours=number // 2, microseconds=number % 2),
        "duration": (None, 1.5, 60.0, math.nan, 3600.0)[number % 5],
        "config": {},
        "summary": {},
    }
    return run | fields


def sample_runs() -> list[dict[str, Any]]:
    """Runs with every type, key form and gap; JSON columns are Python objects."""
    mixed = [
        _run(
            number,
            config={"mixed": value, "lr": 10.0 ** -(number % 5), "seed": number},
            summary={"mixed": value, "train/loss": number / 7, "_step": number * 10},
            group_name=(None, "a", "b")[number % 3],
            tags=(None, [], ["best"], ["best", "v1.0"], ["x y", "Best"])[number % 5],
            history_keys={"keys": {"loss": {"typeCounts": []}, f"m.{number % 3}": {}}},
        )
        for number, value in enumerate(MIXED)
    ]
    first = len(mixed)
    hostile = [
        _run(first + number, config={key: number, "nest": {key: "in"}}, summary={key: [number]})
        for number, key in enumerate(HOSTILE_KEYS)
    ]
    return [*mixed, *hostile, *_special_runs(first + len(hostile))]


def _special_runs(first: int) -> list[dict[str, Any]]:
    configs: list[dict[str, Any]] = [
        {"a.b": 1, "a": {"b": 2}},
        {"a": {"b": 2, "b.c": 3, "c": {"d": None}}},
        {"a": {"b": {"c": 4}}, "a.b": {"c": 5}},
        {"a.b.c.d.e.f.g": 6, "a": {"b": {"c": {"d": {"e": {"f": {"g": 7}}}}}}},
        {"lr": {"value": 0.3}, "lr.value": 0.4},
        {"layers": [64, 32], "opt": {"name": "adam", "betas": [0.9, 0.999]}},
        {"layers": [{"units": 64}, {"units": 32}], "opt": "sgd"},
        {"layers": 64, "opt": None},
    ]
    runs = [_run(first + number, config=config) for number, config in enumerate(configs)]
    runs[0] |= {"tags": ["a.b", "'", "é"], "sweep_id": "sw1", "host": "gpu-1", "exit_code": 0}
    runs[1] |= {"job_type": "eval", "notes": "first\nsecond", "exit_code": 1, "read_only": True}
    runs[2] |= {"heartbeat_at": START, "updated_at": START, "git_commit": "abc", "read_only": False}
    runs[3] |= {"config": None, "summary": None, "state": None, "created_at": None}
    runs[4] |= {
        "wandb_config": {"cli_version": "0.31.0", "t": {"3": [1, 2]}},
        "program": "train.py",
    }
    runs[5] |= {"system_metrics": {"system.cpu": 12.5, "gpu": {"0": {"temp": 70}}}}
    runs[6] |= {"history_line_count": 100, "log_line_count": 0, "stop_requested": True}
    return runs


def runs_table(runs: list[dict[str, Any]]) -> pa.Table:
    """The runs in the Arrow shape that rooms exchange."""

    def cell(name: str, value: Any) -> Any:
        return json.dumps(value) if name in JSON_COLUMNS and value is not None else value

    rows = [{name: cell(name, value) for name, value in run.items()} for run in runs]
    return pa.Table.from_pylist(rows, schema=RUNS)


_OPERANDS = [1, 0, 0.5, -1e9, math.inf, 2**53, 10**400, "a", "1", "", "😀", True, False]
_EQUALS = [*_OPERANDS, None, math.nan, [], [1, 2], [[1, 2]], [None], [math.nan], {}, {"a": 1}]

#: Every entry is a filter as `Api.runs` takes it.
FILTERS: list[dict[str, Any] | None] = [
    None,
    {},
    # Every operator against every type.
    *({"config.mixed": value} for value in _EQUALS),
    *({"summary_metrics.mixed": {"$ne": value}} for value in _EQUALS),
    *(
        {"config.mixed": {operator: value}}
        for operator in ("$gt", "$gte", "$lt", "$lte")
        for value in _OPERANDS
    ),
    {"config.mixed": {"$gt": math.nan}},
    {"config.mixed": {"$not": {"$lt": math.nan}}},
    {"config.mixed": {"$in": [1, "a", None, True, [1, 2], math.nan]}},
    {"config.mixed": {"$nin": [1, "a", None, True, {"a": 1}, math.nan]}},
    {"config.mixed": {"$in": []}},
    {"config.mixed": {"$nin": []}},
    {"config.mixed": {"$eq": {"b": None, "a": 1}}},
    {"config.mixed": {"$exists": True}},
    {"config.mixed": {"$exists": False}},
    {"config.mixed": {"$regex": "^a"}},
    {"config.mixed": {"$regex": "^a", "$options": "i"}},
    {"config.mixed": {"$regex": ""}},
    {"config.mixed": {"$regex": "line.break"}},
    {"config.mixed": {"$regex": "(?s)line.break"}},
    {"config.mixed": {"$regex": "a\\x00"}},
    {"config.mixed": {"$not": {"$regex": "[a-z]"}}},
    {"config.mixed": {"$gt": 0, "$lt": 2, "$ne": 1}},
    {"config.mixed": {"$not": {"$gt": 0, "$lt": 2}}},
    {"config.mixed": [0]},
    # Groups.
    {"$and": [{"state": "finished"}, {"config.seed": {"$lt": 9}}]},
    {"$or": [{"state": "running"}, {"config.seed": 4}]},
    {"$nor": [{"state": "running"}, {"config.seed": 4}]},
    {"$nor": [{}]},
    {"$and": [{}, {}]},
    {"$or": [{"$and": [{"state": "failed"}, {"$nor": [{"group": "a"}]}]}, {"name": "id001"}]},
    {"state": "finished", "config.lr": {"$lt": 0.05}, "tags": "best"},
    # Keys: dotted, nested, slashed, wrapped, numbered, missing, hostile.
    {"config.a.b": 1},
    {"config.a.b": 2},
    {"config.a.b.c": {"$in": [3, 4, 5]}},
    {"config.a.b": {"$exists": True}},
    {"config.a.c.d": {"$exists": True}},
    {"config.a.c.d": None},
    {"config.a.c.d.e": {"$exists": True}},
    {"config.a.b.c.d.e.f.g": {"$gte": 6}},
    {"config.lr.value": {"$gt": 0.2}},
    {"config.lr": {"value": 0.3}},
    {"config.lr.value.value": 0.3},
    {"config.a.value.b": 2},
    {"config.layers": 64},
    {"config.layers": [64, 32]},
    {"config.layers": {"$gt": 40}},
    {"config.layers.0": 64},
    {"config.layers.00": 64},
    {"config.layers.0.units": 64},
    {"config.layers": {"units": 32}},
    {"config.opt.name": "adam"},
    {"config.opt.betas.1": {"$gt": 0.9}},
    {"config.opt": {"name": "adam", "betas": [0.9, 0.999]}},
    {"config.opt": {"name": "adam"}},
    {"config.opt": None},
    {"config.nowhere": {"$ne": 1}},
    {"config.nowhere": {"$exists": False}},
    {"config.nowhere": {"$lt": 1}},
    {"config._wandb.value.cli_version": "0.31.0"},
    {"config._wandb.t.3": 2},
    {"summary_metrics.train/loss": {"$lte": 1}},
    {"summary_metrics._step": {"$gt": 100}},
    {"summary_metrics.Loss": {"$exists": True}},
    {"system_metrics.system.cpu": {"$gt": 10}},
    {"system_metrics.gpu.0.temp": 70},
    {"keys_info.keys.loss": {"$exists": True}},
    {"keys_info.keys.m.1": {"$exists": True}},
    *({f"config.{key}": {"$exists": True}} for key in HOSTILE_KEYS),
    *({f"config.nest.{key}": "in"} for key in HOSTILE_KEYS),
    *({f"summary_metrics.{key}": {"$gte": 0}} for key in HOSTILE_KEYS),
    # Run fields.
    {"name": "id003"},
    {"name": {"$in": ["id001", "id005", "nope", None]}},
    {"name": {"$regex": "5$"}},
    {"displayName": {"$regex": "fox"}},
    {"display_name": {"$regex": "FOX", "$options": "i"}},
    {"state": {"$in": ["crashed", "failed"]}},
    {"state": {"$ne": "finished"}},
    {"state": {"$nin": ["finished", None]}},
    {"state": None},
    {"state": 5},
    {"state": {"$gt": "e"}},
    {"state": "Finished"},
    {"group": {"$exists": True}},
    {"jobType": "eval"},
    {"job_type": {"$ne": "eval"}},
    {"sweep": "sw1"},
    {"$and": [{"sweep": "sw1"}]},
    {"host": {"$regex": "^gpu"}},
    {"username": "ada"},
    {"user": "grace"},
    {"notes": {"$regex": "(?m)^second"}},
    {"commit": "abc"},
    {"program": "train.py"},
    {"duration": {"$gt": 1.5}},
    {"duration": {"$lt": math.inf}},
    {"duration": {"$ne": 60}},
    {"duration": None},
    {"duration": {"$in": [60, 3600, math.nan]}},
    {"duration": {"$gt": "1"}},
    {"exitcode": 0},
    {"exitcode": {"$gte": 0.5}},
    {"readOnly": True},
    {"read_only": {"$ne": True}},
    {"stopped": {"$gte": False}},
    {"historyLineCount": {"$gte": 100}},
    {"createdAt": {"$gt": "2024-01-01T20:00:00Z"}},
    {"created_at": {"$gte": "2024-01-02"}},
    {"createdAt": {"$lt": "2024-01-01T15:00:00+02:00"}},
    {"createdAt": "2024-01-01T13:00:00.000001Z"},
    {"createdAt": {"$in": ["2024-01-01T13:00:00", None]}},
    {"heartbeatAt": {"$exists": True}},
    {"heartbeat_at": None},
    {"updatedAt": {"$ne": "2024-01-01T12:00:00Z"}},
    # Tags.
    {"tags": "best"},
    {"tags": {"$ne": "best"}},
    {"tags": {"$in": ["v1.0", "x y"]}},
    {"tags": {"$nin": ["v1.0", "x y"]}},
    {"tags": {"$regex": "^B"}},
    {"tags": ["best", "v1.0"]},
    {"tags": []},
    {"tags": None},
    {"tags": {"$exists": False}},
    {"tags": {"$gt": "w"}},
    {"tags": 1},
    {"tags.best": True},
    {"tags.best": False},
    {"tags.v1.0": {"$exists": True}},
    {"tags.a.b": {"$ne": True}},
    {"tags.'": {"$eq": True}},
]

#: Order strings as `Api.runs` takes them.
ORDERS: list[str | None] = [
    None,
    "",
    *(
        sign + key
        for key in (
            *("created_at", "createdAt", "heartbeat_at", "updatedAt", "name", "displayName"),
            *("state", "group", "duration", "readOnly", "exitcode", "username", "sweep", "id"),
            *("config.mixed", "config.mixed.value", "summary_metrics.mixed", "config.lr"),
            *(
                "summary_metrics.train/loss",
                "summary_metrics._step",
                "config.a.b",
                "config.nowhere",
            ),
            *("config.opt.name", "system_metrics.system.cpu", "config.layers", "config.'"),
        )
        for sign in ("", "+", "-")
    ),
]
