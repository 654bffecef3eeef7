"""Custom charts: presets that runs can draw their tables with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wbexport.errors import GraphQLError, InputError, ResponseError, UnsupportedError

if TYPE_CHECKING:
    from wbexport.api.service import Service

__all__ = ["create_custom_chart"]

_ACCESS = ("private", "public")


def create_custom_chart(
    client: Service, *, spec_type: str, access: str, spec: str | Mapping[str, Any], **names: str
) -> str:
    """Create a preset, and return its id.

    Args:
        client: Executes the mutation.
        spec_type: `vega2`.
        access: Who may use it: `private` or `public`.
        spec: What it draws, in Vega or Vega-Lite, or the JSON text of that.
        **names: `entity`, `name` and `displayName`.

    Raises:
        InputError: An argument cannot be right.
        UnsupportedError: The server has no custom charts.
        ResponseError: The server made none.
    """
    for what, name in names.items():
        if not isinstance(name, str) or not name:
            raise InputError(f"A custom chart needs a {what}.")
    if spec_type != "vega2":
        raise InputError(f"spec_type must be 'vega2', not {spec_type!r}.")
    if not isinstance(access, str) or access.lower() not in _ACCESS:
        raise InputError(f"access must be 'private' or 'public', not {access!r}.")
    sent = {"type": spec_type, "access": access.upper(), "spec": _spec_text(spec)}
    try:
        answer = client.execute("CreateCustomChart", {"input": names | sent})
    except GraphQLError as error:
        if "createCustomChart" in str(error) and "Cannot query" in str(error):
            raise UnsupportedError("This W&B server is too old for custom charts.") from error
        raise
    chart = (answer.get("createCustomChart") or {}).get("chart")
    if not chart:
        raise ResponseError(f"The server did not create the chart {names['name']!r}.")
    return str(chart["id"])


def _spec_text(spec: str | Mapping[str, Any]) -> str:
    """Return the text of a specification; one given as text is sent as it is."""
    if isinstance(spec, Mapping):
        try:
            return json.dumps(spec, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InputError(f"This chart's spec cannot be written as JSON: {error}.") from error
    try:
        is_object = isinstance(json.loads(spec), dict)
    except (TypeError, ValueError):
        is_object = False
    if not is_object:
        raise InputError("A chart's spec must be an object, or the JSON text of one.")
    return spec
