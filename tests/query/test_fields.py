"""Names of run fields and the readings of dotted keys."""

from __future__ import annotations

import pytest

from wbexport.arrow.schema import RUNS
from wbexport.errors import QueryError
from wbexport.query.fields import MISSING, RUN_FIELDS, lookup, suggest

NAMES = (
    *("createdAt", "created_at", "displayName", "display_name", "duration", "group", "host"),
    *("jobType", "job_type", "name", "state", "tags", "username", "user", "sweep", "heartbeatAt"),
    *("heartbeat_at", "updatedAt", "updated_at", "notes", "config.a", "summary_metrics.a"),
    *("system_metrics.a", "keys_info.keys.a", "config._wandb.value.t"),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_field_names_a_column_of_the_runs_schema(name: str) -> None:
    assert RUN_FIELDS.resolve(name).column in RUNS.names


@pytest.mark.parametrize("name", ["inputArtifacts", "output_artifacts", "inputArtifacts.name"])
def test_a_field_only_the_server_knows_is_refused_as_such(name: str) -> None:
    with pytest.raises(QueryError, match="known to W&B's server alone"):
        RUN_FIELDS.resolve(name)


def test_the_longest_literal_key_is_read_first() -> None:
    paths = RUN_FIELDS.resolve("summary_metrics.a.b.c").paths
    assert paths == (("a.b.c",), ("a.b", "c"), ("a", "b.c"), ("a", "b", "c"))


def test_the_wrapper_of_a_config_value_is_dropped() -> None:
    assert RUN_FIELDS.resolve("config.lr.value").paths == (("lr.value",), ("lr",))
    assert ("a", "b") in RUN_FIELDS.resolve("config.a.value.b").paths
    assert RUN_FIELDS.resolve("summary_metrics.lr.value").paths == (("lr.value",), ("lr", "value"))


@pytest.mark.parametrize("parts", range(1, 33))
def test_many_dots_do_not_make_many_readings(parts: int) -> None:
    names = [str(number) for number in range(parts)]
    paths = RUN_FIELDS.resolve("config." + ".".join(names)).paths
    assert len(paths) <= 63
    assert paths[0] == (".".join(names),)
    assert paths[-1] == tuple(names)
    assert len(set(paths)) == len(paths)


def test_a_list_is_counted_through_by_plain_decimals_only() -> None:
    document = {"a": [7, 8]}
    assert lookup(document, [("a", "1")]) == 8
    for index in ("2", "01", "-1", "+1", "１", "1 ", ""):
        assert lookup(document, [("a", index)]) is MISSING


def test_an_explicit_null_is_found() -> None:
    assert lookup({"a": None}, [("b",), ("a",)]) is None
    assert lookup(None, [("a",)]) is MISSING


def test_a_hint_names_the_nearest_candidate_or_nothing() -> None:
    assert suggest("los", ["loss", "acc"]) == "; did you mean 'loss'?"
    assert suggest("zzz", ["loss", "acc"]) == ""


def test_a_long_name_is_cut_in_the_message() -> None:
    with pytest.raises(QueryError) as refused:
        RUN_FIELDS.resolve("x" * 100_000)
    assert len(str(refused.value)) < 300
