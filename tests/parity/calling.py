"""A program that makes calls through any client with W&B's interface, and prints their answers.

It imports nothing of wbexport but what its first argument names: `wandb` or `wbexport`. Calls come
as JSON, a list of lines, on standard input; the last line it prints is the list of answers.
"""

from __future__ import annotations

import ast
import copy
import importlib
import json
import re
import sys
import tempfile
import warnings
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any

__all__ = ["Caller", "main", "plain"]

#: Of an object, what shows that it is the right one; the first that it has.
_IDENTITIES = ("qualified_name", "full_name", "path", "name", "username", "id")

#: A look at one attribute, which leaves its object as it was.
_ATTRIBUTE = re.compile(r"\w+\.\w+")

#: What the SDK calls a class of ours that says more.
_KINDS = {"ArtifactFile": "File"}


def plain(value: Any) -> Any:
    """Turn an answer into JSON: frames with their types, listings and objects by their names."""
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(type(value), "tolist"):
        return plain(value.tolist())
    if type(value).__name__ == "DataFrame":
        rows = value.to_dict("records") if hasattr(value, "iloc") else value.rows(named=True)
        kinds = {name: str(value[name].dtype) for name in sorted(value.columns)}
        return {"frame": type(value).__module__.split(".")[0], "types": kinds, "rows": plain(rows)}
    if hasattr(value, "keys"):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(plain, value))
    if isinstance(value, list | tuple) or hasattr(value, "__next__") or hasattr(value, "objects"):
        return [plain(item) for item in islice(value, 1000)]
    kind = _KINDS.get(type(value).__name__, type(value).__name__)
    for name in _IDENTITIES:
        if (found := getattr(value, name, None)) is not None:
            return [kind, plain(found)]
    return [kind, str(value)]


class Caller:
    """Makes calls through one module with W&B's interface.

    Args:
        package: `wandb` or `wbexport`.
        objects: Names, and how what they stand for is opened.
    """

    def __init__(self, package: str, objects: dict[str, str]) -> None:
        self.wandb = importlib.import_module(package)
        self._public = (
            [self.wandb.apis.public, importlib.import_module("wandb.automations")]
            if package == "wandb"
            else [importlib.import_module(f"wbexport.{name}") for name in ("api", "automations")]
        )
        self._objects = objects
        self._api = self.wandb.Api()
        self._kept: dict[str, Any] = {}

    def fresh(self) -> Any:
        """Give an `Api` that remembers nothing, on the connection of the first."""
        made = copy.copy(self._api)
        for name, value in vars(made).items():
            if name.startswith("_") and isinstance(value, dict):
                setattr(made, name, {})
        made._viewer = None
        return made

    def new(self, name: str) -> Any:
        """Find a class of the API."""
        return next(vars(each)[name] for each in self._public if name in vars(each))

    def call(self, line: str) -> Any:
        """Make one call, and give its answer or its error."""
        if not _ATTRIBUTE.fullmatch(line):
            self._kept = {}  # It may change what it begins with.
        body = ast.parse(line).body
        mentioned = {node.id for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Name)}
        try:
            names = self._names(mentioned)
            *before, last = body
            exec(compile(ast.Module(before, []), "<call>", "exec"), names)
            assert isinstance(last, ast.Expr)
            answer = plain(eval(compile(ast.Expression(last.value), "<call>", "eval"), names))
        except Exception as error:
            kinds = [kind.__name__ for kind in type(error).__mro__]
            return {"error": str(error), "kinds": kinds}
        return {"value": answer}

    def _names(self, mentioned: set[str]) -> dict[str, Any]:
        api = self.fresh()
        names = {
            "wandb": self.wandb, "api": api, "fresh": self.fresh, "new": self.new,
            "client": getattr(api, "_service_api", None) or getattr(api, "client", None),
            "folder": tempfile.mkdtemp(), "Path": Path, "vars_of": _vars_of, "keyed": _keyed,
            "ended": _ended, "framed": _framed, "json": json, "text_of": _text_of,
        }  # fmt: skip
        for name in self._objects.keys() & mentioned:
            if name not in self._kept:
                wanted = ast.parse(self._objects[name], mode="eval")
                used = {node.id for node in ast.walk(wanted) if isinstance(node, ast.Name)}
                inner = self._names(used) if used & self._objects.keys() else names
                self._kept[name] = eval(self._objects[name], dict(inner))
            names[name] = self._kept[name]
        return names


def _vars_of(value: Any, names: str) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names.split()}


def _keyed(value: Any, names: str) -> dict[str, Any]:
    return {name: value[name] for name in names.split()}


def _ended(following: Any) -> bool:
    try:
        following()
    except StopIteration:
        return True
    return False


def _framed(html: str) -> list[Any]:
    """Give what a frame shows, its height, and whether it is hidden at first."""
    found = re.search(r"<iframe src=.(.*?)['\"] style=.*?height:(\d+)px", html)
    return [*found.groups(), "display:none" in html or "<details>" in html] if found else [html]


def _text_of(handle: Any) -> list[str]:
    with handle:
        return [Path(handle.name).name, handle.read()]


def main() -> None:
    """Make the calls that standard input holds."""
    warnings.simplefilter("ignore")
    wanted = json.load(sys.stdin)
    caller = Caller(sys.argv[1], wanted["objects"])
    answers = [caller.call(line) for line in wanted["calls"]]
    sys.stdout.write("\n" + json.dumps(answers, default=str) + "\n")
