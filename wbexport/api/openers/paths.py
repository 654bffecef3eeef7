"""Opens whatever a path names."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from wbexport.api.openers.projects import OpensProjects
from wbexport.api.openers.runs import OpensRuns
from wbexport.api.openers.sweeps import OpensSweeps
from wbexport.api.reports import BetaReport
from wbexport.errors import PathError

if TYPE_CHECKING:
    from wbexport.api.projects import Project
    from wbexport.api.run import Run
    from wbexport.api.sweeps import Sweep

__all__ = ["OpensPaths"]


class OpensPaths(OpensProjects, OpensRuns, OpensSweeps):
    """Projects, runs, sweeps and reports by their paths."""

    def from_path(self, path: str) -> Project | Run | Sweep | BetaReport:
        """Return a project, run, sweep or report from its path.

        Args:
            path: `project`, `entity/project`, `entity/project/run_id`, or `entity/project/KIND/ID`
                where KIND is `runs`, `sweeps` or `reports`; a report's ID is `Title--ID`.

        Returns:
            The object.

        Raises:
            PathError: The path has another form.
            NotFoundError: There is no such run or sweep.

        Example:
            >>> api.from_path("team/vision/sweeps/3t6v8b2n").state
            'FINISHED'
        """
        parts = path.strip("/ ").split("/") if isinstance(path, str) else []
        kind = parts[2] if len(parts) == 4 else ""
        if len(parts) == 1:
            return self.project(parts[0])
        if len(parts) == 2:
            return self.project(parts[1], parts[0])
        if len(parts) == 3 or kind.startswith("run"):
            return self.run("/".join([*parts[:2], parts[-1]]))
        if kind.startswith("sweep"):
            return self.sweep("/".join([*parts[:2], parts[-1]]))
        if kind.startswith("report"):
            return self._report(parts[0], parts[1], parts[-1])
        raise PathError(
            f"{path!r} is not a path; write entity/project or entity/project/KIND/ID, "
            "where KIND is runs, sweeps or reports."
        )

    def _report(self, entity: str, project: str, page: str) -> BetaReport:
        title, dashes, report_id = page.rpartition("--")
        if not report_id or (not dashes and "-" in page):
            raise PathError(f"{page!r} names no report; write entity/project/reports/Title--ID.")
        attrs = {"id": report_id, "displayName": unquote(title.replace("-", " "))}
        return BetaReport(self.client, attrs, entity, project)
