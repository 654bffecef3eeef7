"""What the models of automations stand on: their spelling on the wire, and lenient choices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from reprlib import repr as shortened
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    WrapSerializer,
)

from wbexport.errors import InputError

__all__ = ["Choice", "Encoded", "Model", "to_text", "without_typename"]

_T = TypeVar("_T")


class Model(BaseModel):
    """A part of an automation. Fields are checked when they are set; unknown ones are refused.

    Raises:
        InputError: A field is missing, unknown or wrong.
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, serialize_by_alias=True, validate_assignment=True
    )

    # A type checker is to see the fields of each class as its arguments.
    if not TYPE_CHECKING:

        def __init__(self, /, **fields: Any) -> None:
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise InputError(_summary(error)) from None

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            super().__setattr__(name, value)
        except ValidationError as error:
            raise InputError(_summary(error)) from None


def _summary(error: ValidationError) -> str:
    """Say what is wrong with each field, once where none of several kinds fits."""
    reasons: dict[str, str] = {}
    for each in error.errors(include_url=False):
        field = str(each["loc"][0]) if each["loc"] else "value"
        several = field in reasons
        reasons[field] = f"cannot be {shortened(each['input'])}" if several else each["msg"]
    found = "; ".join(f"{field}: {reason}" for field, reason in reasons.items())
    return f"{error.title}: {found.rstrip('.')}."


class Choice(StrEnum):
    """One of a few words, in upper or lower case."""

    @classmethod
    def _missing_(cls, value: object) -> Choice | None:
        known = {name.lower(): member for name, member in cls.__members__.items()}
        known |= {member.value.lower(): member for member in cls}
        return known.get(value.strip().lower()) if isinstance(value, str) else None

    def __repr__(self) -> str:
        return self.name


def to_text(value: object) -> str:
    """Write a value as the JSON text that W&B keeps inside JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _decoded(value: object) -> object:
    return json.loads(value) if isinstance(value, str | bytes) else value


def _encoded(value: object, handler: SerializerFunctionWrapHandler) -> str:
    return to_text(handler(value))


#: JSON inside JSON: text on the wire, the value itself in Python.
Encoded = Annotated[_T, BeforeValidator(_decoded), WrapSerializer(_encoded)]


def without_typename(value: Any) -> Any:
    """Leave out the GraphQL type of an object that was told apart by it."""
    if isinstance(value, Mapping):
        return {key: item for key, item in value.items() if key != "__typename"}
    return value
