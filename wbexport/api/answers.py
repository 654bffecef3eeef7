"""Takes the object that was asked for out of an answer, and says so when it is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wbexport.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wbexport.paths import RunPath

__all__ = ["project_in", "run_in"]


def project_in(answer: Mapping[str, Any], path: object) -> Mapping[str, Any]:
    """Return the `project` of an answer.

    Args:
        answer: What the server sent.
        path: The project that was asked for, as it is shown.

    Raises:
        NotFoundError: The server shows no such project.
    """
    project: Mapping[str, Any] | None = answer.get("project")
    if project is None:
        raise NotFoundError(
            f"Could not find project {path}: check its name, or this key may not see it."
        )
    return project


def run_in(answer: Mapping[str, Any], path: RunPath) -> Mapping[str, Any]:
    """Return the `run` of an answer.

    Args:
        answer: What the server sent.
        path: The run that was asked for.

    Raises:
        NotFoundError: The server shows no such project, or no such run in it.
    """
    run: Mapping[str, Any] | None = project_in(answer, path.parent).get("run")
    if run is None:
        raise NotFoundError(
            f"Could not find run {path}: it was deleted, or this key may not see it. "
            "A run's path ends in its id, not in its display name."
        )
    return run
