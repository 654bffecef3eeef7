"""Loads the `.graphql` documents, each with the fragments it names, and repeats one for a batch.

Fragments are on types whose names W&B's own client sends, such as `Run` and `PageInfo`. Names of
connections it never sends, so they are not known, and `edges` are written out in each listing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Batch", "Document", "aliased", "load"]

_FOLDER = Path(__file__).parent / "documents"
_COMMENT = re.compile(r"#[^\n]*\n?")
_SPREAD = re.compile(r"\.\.\.\s*(?!on\b)([A-Za-z_]\w*)")
_FRAGMENT = re.compile(r"^\s*fragment\s+(\w+)\s+on\s")
_OPERATION = re.compile(r"^\s*(query|mutation)\s+(\w+)\s*(?:\((.*?)\))?\s*\{", re.DOTALL)
_VARIABLE = re.compile(r"\$(\w+)")
_DECLARATION = re.compile(r"\$(\w+)\s*:\s*([^$,]+)")


@dataclass(frozen=True, slots=True)
class Document:
    """One operation with all its fragments.

    Args:
        name: Name of the operation.
        kind: Whether it reads or writes.
        text: What is sent.
    """

    name: str
    kind: Literal["query", "mutation"]
    text: str


@dataclass(frozen=True, slots=True)
class Batch:
    """One operation repeated under the aliases `b0`, `b1` and so on.

    Args:
        text: What is sent.
        variables: The variables of all repetitions.
    """

    text: str
    variables: dict[str, Any]


@cache
def load(operation: str, without: frozenset[str] = frozenset()) -> Document:
    """Load an operation with the fragments it names, and those they name.

    Args:
        operation: Its name.
        without: Fragments to leave out, for servers that do not know their types.
    """
    text = _read(operation)
    match = _OPERATION.match(text)
    if match is None:
        raise KeyError(f"{operation}.graphql holds no named operation")
    kind: Literal["query", "mutation"] = "mutation" if match[1] == "mutation" else "query"
    texts = [text, *_fragments_of(text)]
    if without:
        left_out = re.compile(rf"\.\.\.({'|'.join(without)})\b\n?")
        texts = [left_out.sub("", each) for each in texts if not _is_fragment(each, without)]
    return Document(match[2], kind, "\n".join(texts))


def _is_fragment(text: str, names: frozenset[str]) -> bool:
    match = _FRAGMENT.match(text)
    return match is not None and match[1] in names


def aliased(
    operation: str, items: Sequence[Mapping[str, Any]], *, shared: Mapping[str, Any] | None = None
) -> Batch:
    """Repeat a query once per item inside one request.

    Args:
        operation: File stem of a query; all its root fields are repeated, so it should have one.
        items: Per repetition, the variables that differ.
        shared: Variables that are the same for all.
    """
    shared = dict(shared or {})
    text = _read(operation)
    match = _OPERATION.match(text)
    if match is None or match[1] != "query":
        raise KeyError(f"{operation}.graphql holds no named query")
    types = {name: kind.strip() for name, kind in _DECLARATION.findall(match[3] or "")}
    root = text[match.end() : text.rindex("}")].strip()
    own = {name for item in items for name in item}
    declared = [f"${name}: {kind}" for name, kind in types.items() if name not in own]
    fields: list[str] = []
    variables = dict(shared)
    for index, item in enumerate(items):
        declared += [f"${name}_{index}: {types[name]}" for name in item]
        variables |= {f"{name}_{index}": value for name, value in item.items()}
        fields.append(f"b{index}: {_renumber(root, item, index)}")
    head = f"query {match[2]}({', '.join(declared)}) {{"
    return Batch("\n".join([head, *fields, "}", *_fragments_of(text)]), variables)


def _renumber(root: str, item: Mapping[str, Any], index: int) -> str:
    def rename(match: re.Match[str]) -> str:
        return f"${match[1]}_{index}" if match[1] in item else match[0]

    return _VARIABLE.sub(rename, root)


@cache
def _fragments() -> dict[str, str]:
    """Return every fragment of the folder by its name."""
    texts = [_read(name) for name in _paths()]
    return {match[1]: text for text in texts if (match := _FRAGMENT.match(text))}


def _fragments_of(text: str) -> list[str]:
    """Return the fragments a text needs, each once, in the order they are met."""
    known = _fragments()
    found: dict[str, str] = {}
    waiting = _SPREAD.findall(text)
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = known[name]
            waiting += _SPREAD.findall(known[name])
    return list(found.values())


@cache
def _paths() -> dict[str, Path]:
    """Return every document by its name, whatever resource it is kept with."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*/*.graphql"))}


def _read(name: str) -> str:
    return _COMMENT.sub("", _paths()[name].read_text(encoding="utf-8")).strip()
