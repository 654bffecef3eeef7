"""The only parser of paths of projects, runs and artifacts, and the guard for names of a server."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from wbexport.errors import PathError, UnsafeNameError

__all__ = [
    "DEFAULT_PROJECT",
    "REGISTRY_PREFIX",
    "ArtifactPath",
    "DefaultEntity",
    "ProjectPath",
    "RunPath",
    "check_name",
    "check_run_id",
    "parse_artifact_path",
    "parse_project_path",
    "parse_run_path",
    "resolve_inside",
    "safe_relative_path",
]

DEFAULT_PROJECT = "uncategorized"
#: How the names of those projects begin that are registries.
REGISTRY_PREFIX = "wandb-registry-"
_MAX_NAME_BYTES = 255

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_IN_RUN_IDS = re.compile(r"[/\\#?%:\x00-\x1f\x7f]")
_MAX_RUN_ID = 128

DefaultEntity: TypeAlias = str | Callable[[], str | None] | None
"""An entity, or where to ask for it: asking may cost a request, so it is done only when needed."""


@dataclass(frozen=True, slots=True, order=True)
class ProjectPath:
    """A project of an entity; prints as `entity/project`."""

    entity: str
    project: str

    def __str__(self) -> str:
        return f"{self.entity}/{self.project}"


@dataclass(frozen=True, slots=True, order=True)
class RunPath:
    """A run (or sweep) of a project by its id; prints as `entity/project/run_id`."""

    entity: str
    project: str
    run_id: str

    @property
    def parent(self) -> ProjectPath:
        """The project the run is in."""
        return ProjectPath(self.entity, self.project)

    def __str__(self) -> str:
        return f"{self.entity}/{self.project}/{self.run_id}"


@dataclass(frozen=True, slots=True, order=True)
class ArtifactPath:
    """A collection of a project, or one version of it; prints as `entity/project/name:alias`."""

    entity: str
    project: str
    collection: str
    alias: str | None = None

    @property
    def name(self) -> str:
        """The collection, and the alias if there is one: `name:alias`."""
        return self.collection if self.alias is None else f"{self.collection}:{self.alias}"

    @property
    def parent(self) -> ProjectPath:
        """The project the collection is in."""
        return ProjectPath(self.entity, self.project)

    @property
    def is_registry(self) -> bool:
        """Whether the project is a registry; then `entity` may be the name of an organization."""
        return self.project.startswith(REGISTRY_PREFIX) and self.project != REGISTRY_PREFIX

    def __str__(self) -> str:
        return f"{self.entity}/{self.project}/{self.name}"


def parse_project_path(
    text: str | None, entity: DefaultEntity = None, project: str | None = None
) -> ProjectPath:
    """Read the path of a project.

    Args:
        text: `entity/project`, `project`, a web address of the project, or nothing at all.
        entity: Entity to use when the path names none, or a function that finds it.
        project: Project to use when the path names none; `uncategorized` otherwise.

    Returns:
        The path.

    Raises:
        PathError: The text is no such path, or no entity is known.

    Example:
        >>> parse_project_path("team/vision")
        ProjectPath(entity='team', project='vision')
    """
    text = text or ""
    parts = _web_parts(text)
    if parts is not None:
        if len(parts) < 2:
            raise PathError(f"{text!r} is not the address of a project.")
        parts = parts[:2]
    else:
        parts = [part.strip() for part in text.strip().strip("/").split("/", 1)]
    if parts == [""]:
        parts = [project or DEFAULT_PROJECT]
    if len(parts) == 1:
        parts = [_known_entity(text, entity), *parts]
    return ProjectPath(*_checked(text, parts))


def parse_run_path(text: str, entity: DefaultEntity = None, project: str | None = None) -> RunPath:
    """Read the path of a run or a sweep.

    Args:
        text: `entity/project/id`, `entity/project:id`, `project/id`, `project:id`, `id`, the same
            with `/runs/` or `/sweeps/` before the id, or the web address of the run.
        entity: Entity to use when the path names none, or a function that finds it.
        project: Project to use when the path names none.

    Returns:
        The path.

    Raises:
        PathError: The text is no such path, or no entity or project is known.

    Example:
        >>> parse_run_path("team/vision/runs/1mb3xqzp")
        RunPath(entity='team', project='vision', run_id='1mb3xqzp')
    """
    parts = _web_parts(text)
    if parts is not None:
        if len(parts) < 4 or parts[2] not in ("runs", "sweeps"):
            raise PathError(f"{text!r} is not the address of a run.")
        parts = [parts[0], parts[1], parts[3]]
    else:
        plain = re.sub(r"/(?:runs|sweeps)/", "/", text.strip(), count=1).strip("/ ")
        head, colon, last = plain.rpartition(":")
        parts = [*head.split("/"), last] if colon else plain.split("/")
    parts = [part.strip() for part in parts]
    if not 1 <= len(parts) <= 3 or any(":" in part for part in parts):
        raise PathError(f"{text!r} is not a run path; write entity/project/run_id.")
    if len(parts) == 1:
        if not project:
            raise PathError(
                f"{text!r} names no project; write entity/project/run_id or set WANDB_PROJECT."
            )
        parts = [project, *parts]
    if len(parts) == 2:
        parts = [_known_entity(text, entity), *parts]
    return RunPath(*_checked(text, parts))


def check_name(name: str) -> str:
    """Return a name that an entity or a project may be given.

    Args:
        name: The name.

    Returns:
        The same.

    Raises:
        PathError: It could not stand in a path.
    """
    if not isinstance(name, str) or not _is_name(name):
        raise PathError(
            f"{name!r} is no name: it may not be empty or only dots, and hold no slash and no "
            "control character."
        )
    return name


def check_run_id(run_id: str) -> str:
    """Return an id that a run may be given.

    Args:
        run_id: The id.

    Returns:
        The same.

    Raises:
        PathError: It is empty or longer than 128 characters, or could not stand in a path.
    """
    if not isinstance(run_id, str):
        raise PathError(f"{run_id!r} is no id for a run; an id is text.")
    if not 0 < len(run_id) <= _MAX_RUN_ID or not run_id.strip(" .") or run_id != run_id.strip():
        raise PathError(f"{run_id!r} is no id for a run; take 1 to 128 characters.")
    if _NOT_IN_RUN_IDS.search(run_id):
        raise PathError(f"{run_id!r} is no id for a run: it may hold none of / \\ # ? % :")
    return run_id


def parse_artifact_path(
    text: str, entity: DefaultEntity = None, project: str | None = None
) -> ArtifactPath:
    """Read the path of a collection of artifacts, or of one version.

    Args:
        text: `[entity/][project/]name[:alias]`, `[organization/]wandb-registry-…/name[:alias]`, or
            the web address of an artifact. An alias may be a version such as `v3`.
        entity: Entity to use when the path names none, or a function that finds it.
        project: Project to use when the path names none; `uncategorized` otherwise.

    Returns:
        The path.

    Raises:
        PathError: The text is no such path, or no entity is known.

    Example:
        >>> parse_artifact_path("team/vision/photos:latest")
        ArtifactPath(entity='team', project='vision', collection='photos', alias='latest')
    """
    parts = _web_parts(text)
    alias: str | None
    if parts is not None:
        if not 5 <= len(parts) <= 6 or parts[2] != "artifacts":
            raise PathError(f"{text!r} is not the address of an artifact.")
        alias = parts[5] if len(parts) == 6 else None
        parts = [parts[0], parts[1], parts[4]]
    else:
        place, colon, alias = text.strip().partition(":")
        parts = [part.strip() for part in place.strip("/").split("/")]
        alias = alias if colon else None
    if len(parts) > 3 or alias == "" or _CONTROL.search(alias or ""):
        raise PathError(f"{text!r} is not an artifact; write entity/project/name:alias.")
    if len(parts) == 1:
        parts = [project or DEFAULT_PROJECT, *parts]
    _checked(text, parts)
    if len(parts) == 2:
        parts = [_known_entity(text, entity), *parts]
    owner, place, collection = _checked(text, parts)
    return ArtifactPath(owner, place, collection, alias)


def safe_relative_path(name: str) -> PurePosixPath:
    r"""Turn a name from a server into a relative path that stays below any folder it is joined to.

    The rules are those of the strictest system, so that a download has one layout everywhere:
    nothing absolute, no `.` or `..`, no empty part, backslash, colon or control character.
    """
    try:
        parts = [part.encode("utf-8") for part in name.split("/")]
    except UnicodeEncodeError:
        raise UnsafeNameError(f"The file name {name!a} is not valid Unicode.") from None
    if _CONTROL.search(name) or "\\" in name or ":" in name:
        raise UnsafeNameError(
            f"The file name {name!a} holds a backslash, colon or control character."
        )
    if any(not part.strip(b" .") or len(part) > _MAX_NAME_BYTES for part in parts):
        raise UnsafeNameError(f"The file name {name!a} would leave its folder or is too long.")
    return PurePosixPath(name)


def resolve_inside(root: Path, name: str) -> Path:
    """Give the place of a server-supplied name below a folder, refusing links on the way."""
    # Texts: paths would cost as much as the looks at the disk.
    place = os.fspath(root / "_")[:-1]
    for part in safe_relative_path(name).parts:
        if _is_link(place + part):
            link = Path(place + part)
            raise UnsafeNameError(f"{link} is a symbolic link; remove it to download {name!a}.")
        place += part + os.sep
    return Path(place)


def _is_link(place: str) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(place).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _web_parts(text: str) -> list[str] | None:
    """Return the decoded path segments of a web address, or None for any other text."""
    if not isinstance(text, str):
        raise PathError(f"{text!r} is not a path; a path is text, such as entity/project.")
    if not re.match(r"\s*https?://", text):
        return None
    try:
        return [unquote(part) for part in urlsplit(text.strip()).path.split("/") if part]
    except ValueError:
        raise PathError(f"{text!r} is not a web address.") from None


def _known_entity(text: str, entity: DefaultEntity) -> str:
    found = entity() if callable(entity) else entity
    if not found:
        raise PathError(
            f"{text!r} names no entity; write it as entity/project or set WANDB_ENTITY."
        )
    return found


def _checked(text: str, parts: list[str]) -> list[str]:
    if not all(map(_is_name, parts)):
        raise PathError(f"{text!r} is not a path such as entity/project or entity/project/run_id.")
    return parts


def _is_name(part: str) -> bool:
    return part.strip(".") != "" and "/" not in part and not _CONTROL.search(part)
