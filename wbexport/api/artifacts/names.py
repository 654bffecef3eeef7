"""What W&B allows as names, types, aliases, tags and metadata of artifacts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wbexport.api.json_values import write_values
from wbexport.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "checked_aliases",
    "checked_metadata",
    "checked_name",
    "checked_tags",
    "checked_type",
    "is_version",
]

_LONGEST = 128
_MOST_METADATA_KEYS = 100

_NAME = re.compile(rf"[A-Za-z0-9_.-]{{1,{_LONGEST}}}")
_TYPE = re.compile(rf"[^/:]{{1,{_LONGEST}}}")
_ALIAS = re.compile(r"[^/:]+")
_VERSION = re.compile(r"v\d+")
_TAG = re.compile(r"[-\w]+( +[-\w]+)*")
#: Types that W&B keeps for itself, for names with this beginning.
_RESERVED = {"job": "", "run_table": "run-", "code": "source-"}


def is_version(alias: str) -> bool:
    """Tell whether an alias is a version, such as `v3`."""
    return _VERSION.fullmatch(alias) is not None


def checked_name(name: str) -> str:
    """Return the name for a new collection, or refuse it."""
    if not _fits(_NAME, name) or not name.strip("."):
        raise InputError(
            f"{name!r} is not a name for an artifact: use letters, digits, dashes, underscores "
            f"and dots, {_LONGEST} at most."
        )
    return name


def checked_type(type_name: str, name: str) -> str:
    """Return a type for new artifacts of a name, or refuse it."""
    if not _fits(_TYPE, type_name):
        raise InputError(f"{type_name!r} is not an artifact type; leave out slashes and colons.")
    reserved = _RESERVED.get(type_name)
    if type_name.startswith("wandb-") or (reserved is not None and name.startswith(reserved)):
        raise InputError(f"Artifact type {type_name!r} is reserved by W&B; use another one.")
    return type_name


def checked_aliases(aliases: Iterable[str] | None) -> list[str]:
    """Return aliases, each once, or refuse them."""
    found = _each_once(aliases)
    if wrong := [alias for alias in found if not _fits(_ALIAS, alias)]:
        raise InputError(f"{wrong[0]!r} is not an alias; leave out slashes and colons.")
    return found


def checked_tags(tags: Iterable[str] | None) -> list[str]:
    """Return tags, each once, or refuse them."""
    found = _each_once(tags)
    if wrong := [tag for tag in found if not _fits(_TAG, tag)]:
        raise InputError(
            f"{wrong[0]!r} is not a tag: use letters and digits, dashes, underscores and spaces."
        )
    return found


def _fits(form: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _each_once(names: Iterable[str] | None) -> list[str]:
    return list(dict.fromkeys([names] if isinstance(names, str) else names or []))


def checked_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return metadata as JSON has it: tuples become lists, NaN becomes None."""
    if not isinstance(metadata, Mapping | None):
        raise InputError(f"The metadata of an artifact is a dict, not {metadata!r}.")
    plain = json.loads(
        write_values(dict(metadata or {}), "metadata"), parse_constant=_finite_or_none
    )
    if len(plain) > _MOST_METADATA_KEYS:
        raise InputError(f"An artifact may have {_MOST_METADATA_KEYS} metadata keys at most.")
    return dict(plain)


def _finite_or_none(constant: str) -> None:
    if constant != "NaN":
        raise InputError("W&B takes no infinite numbers in metadata.")
