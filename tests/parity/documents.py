"""The GraphQL documents of the installed SDK: those of its Python code and of its core program."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["core_documents", "python_documents"]

_OPERATION = re.compile(r"\s*(?:#[^\n]*\n\s*)*(?:query|mutation)\s+\w+\s*[({]")
_IN_CORE = re.compile(rb"(?:query|mutation)\s+\w+\s*[({]")
_FRAGMENT = re.compile(rb"\s*fragment\s+\w+\s+on\s+\w+\s*\{")
_GAP = re.compile(r"\{\}|\{\{|\b_[A-Z_]+_\b")


def _package() -> Path:
    spec = find_spec("wandb")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def python_documents() -> dict[str, str]:
    """Give the documents written in the SDK's Python code, by file, line and variant.

    Left out are the few templates whose gaps are filled by more than names and choices.
    """
    found = {}
    for path in sorted(_package().rglob("*.py")):
        if "vendor" not in path.parts:
            tree = ast.parse(path.read_text("utf-8"))
            for line, variant, text in _of_block(tree, {}):
                if _OPERATION.match(text) and not _GAP.search(text):
                    found[f"{path.relative_to(_package())}:{line}:{variant}"] = text
    return found


def _of_block(block: ast.AST, outer: Mapping[str, ast.expr]) -> Iterator[tuple[int, int, str]]:
    """Every text in a module or function, with the names that are visible there."""
    names = dict(outer)
    for node in _walk(block):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names.setdefault(node.targets[0].id, node.value)
    for node in _walk(block):
        if isinstance(node, ast.FunctionDef):
            yield from _of_block(node, names)
        elif isinstance(node, ast.Constant | ast.JoinedStr):
            yield from ((node.lineno, i, text) for i, text in enumerate(_texts(node, names)))


def _walk(block: ast.AST) -> Iterator[ast.AST]:
    """Everything in a block, but not inside its functions and f-strings."""
    for node in ast.iter_child_nodes(block):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.JoinedStr):
            yield from _walk(node)


def _texts(node: ast.AST, names: Mapping[str, ast.expr]) -> list[str]:
    """Every text that an expression may be; none where that is not known."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Name(id=name) if name in names:
            return _texts(names[name], {key: names[key] for key in names.keys() - {name}})
        case ast.IfExp(body=body, orelse=other):
            return _texts(body, names) + _texts(other, names)
        case ast.FormattedValue(value=value):
            return _texts(value, names)
        case ast.JoinedStr(values=values):
            parts = [_texts(value, names) for value in values]
            # Choices in one text go together: the fragment and its name.
            variants = max(map(len, parts)) if all(parts) else 0
            return ["".join(p[min(i, len(p) - 1)] for p in parts) for i in range(variants)]
    return []


def core_documents() -> dict[str, str]:
    """Give every document in the SDK's core program, which holds them as plain text."""
    data = (_package() / "bin" / "wandb-core").read_bytes()
    found = {}
    for match in _IN_CORE.finditer(data):
        end = _end_of_braces(data, match.start())
        while fragment := _FRAGMENT.match(data, end):
            end = _end_of_braces(data, fragment.start())
        found[f"wandb-core:{match.start()}"] = data[match.start() : end].decode()
    return found


def _end_of_braces(data: bytes, start: int) -> int:
    """Return the end of what the first brace after `start` opens."""
    depth = 0
    for match in re.compile(rb"[{}]").finditer(data, start):
        depth += 1 if match.group() == b"{" else -1
        if depth == 0:
            return match.end()
    raise ValueError("a brace is never closed")
