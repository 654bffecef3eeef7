"""Template variables of run queues: what they may be, and filling a configuration with them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from wbexport.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wbexport.server.service import Node

__all__ = ["check_schemas", "fill", "find_unknown", "settle_values"]

_TYPES = {"string": str, "integer": int, "number": int | float, "boolean": bool}
_PLACE = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")


def check_schemas(variables: Node) -> Node:
    """Return the schema of each template variable.

    Args:
        variables: Name to `{"schema": {"type": …, "default": …, "enum": …, "minimum": …}}`.

    Raises:
        InputError: A schema is none, or its default does not fit it.
    """
    schemas = {}
    for name, variable in variables.items():
        schema = variable.get("schema") if isinstance(variable, dict) else None
        if not isinstance(schema, dict) or schema.get("type") not in _TYPES:
            raise InputError(
                f"the template variable {name!r} needs a schema of type {', '.join(_TYPES)}"
            )
        if not isinstance(schema.get("enum", []), list):
            raise InputError(f"the enum of the template variable {name!r} must be a list")
        if "default" in schema:
            _check_value(name, schema["default"], schema)
        schemas[name] = schema
    return schemas


def settle_values(schemas: Node, values: Node) -> Node:
    """Return a value for each template variable: the one given, or its default.

    Raises:
        InputError: A value does not fit its schema or is missing, or there is no such variable.
    """
    for name in values.keys() - schemas.keys():
        raise InputError(f"this queue has no template variable {name!r}")
    settled = {}
    for name, schema in schemas.items():
        if name in values:
            settled[name] = _check_value(name, values[name], schema)
        elif "default" in schema:
            settled[name] = schema["default"]
        else:
            raise InputError(f"the template variable {name!r} needs a value")
    return settled


def fill(config: Any, values: Node) -> Any:
    """Put values in the places that a configuration leaves for them, such as `{{memory}}`."""
    if isinstance(config, dict):
        return {key: fill(item, values) for key, item in config.items()}
    if isinstance(config, list):
        return [fill(item, values) for item in config]
    if not isinstance(config, str):
        return config
    whole = _PLACE.fullmatch(config)
    if whole and whole[1] in values:
        return values[whole[1]]
    return _PLACE.sub(lambda place: _spelled(values.get(place[1], place[0])), config)


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def find_unknown(config: Any, schemas: Node) -> list[str]:
    """Name the places of a configuration that no template variable fills."""
    return sorted({name for name in _places(config) if name not in schemas})


def _places(config: Any) -> Iterator[str]:
    if isinstance(config, str):
        yield from _PLACE.findall(config)
    elif isinstance(config, dict | list):
        for item in config.values() if isinstance(config, dict) else config:
            yield from _places(item)


def _check_value(name: str, value: Any, schema: Node) -> Any:
    kind = schema["type"]
    # In Python, True is an integer too.
    if not isinstance(value, _TYPES[kind]) or isinstance(value, bool) != (kind == "boolean"):
        raise InputError(f"the template variable {name!r} is of type {kind}, not {value!r}")
    if "enum" in schema and value not in schema["enum"]:
        raise InputError(f"the template variable {name!r} is one of {schema['enum']}")
    least, most = schema.get("minimum"), schema.get("maximum")
    for limit, is_beyond in ((least, "below"), (most, "above")):
        if isinstance(limit, int | float) and isinstance(value, int | float):
            too_far = value < limit if is_beyond == "below" else value > limit
            if too_far:
                raise InputError(f"the template variable {name!r} may not be {is_beyond} {limit}")
    return value
