"""Template variables fill the places that a configuration leaves for them."""

from __future__ import annotations

import pytest

from wbexport.errors import InputError
from wbexport.server.templates import check_schemas, fill, find_unknown, settle_values

SCHEMAS = check_schemas(
    {
        "size": {"schema": {"type": "integer", "minimum": 1, "maximum": 8, "default": 2}},
        "rate": {"schema": {"type": "number", "default": 0.5}},
        "image": {"schema": {"type": "string", "enum": ["a", "b"]}},
        "spot": {"schema": {"type": "boolean", "default": False}},
    }
)


def test_a_place_takes_the_value_itself_or_its_text() -> None:
    values = settle_values(SCHEMAS, {"image": "b", "size": 4})
    config = {
        "gpus": "{{size}}",
        "name": "run-{{ size }}-{{image}}-{{spot}}",
        "list": ["{{spot}}", 7, None, {"deep": "{{rate}}"}],
        "other": "{{unknown}} {single}",
    }
    assert fill(config, values) == {
        "gpus": 4,
        "name": "run-4-b-false",
        "list": [False, 7, None, {"deep": 0.5}],
        "other": "{{unknown}} {single}",
    }
    assert find_unknown(config, SCHEMAS) == ["unknown"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"image": "c"},
        {"image": "a", "size": 0},
        {"image": "a", "size": 9},
        {"image": "a", "size": 2.5},
        {"image": "a", "size": True},
        {"image": "a", "rate": "fast"},
        {"image": "a", "spot": 1},
        {"image": "a", "more": 1},
    ],
)
def test_a_value_that_does_not_fit_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(InputError, match="template variable"):
        settle_values(SCHEMAS, values)
