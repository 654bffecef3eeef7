"""Opens reports."""

from __future__ import annotations

from typing import cast
from urllib.parse import unquote

from wbexport.api.door import Door
from wbexport.api.projects import Project
from wbexport.api.reports import Reports

__all__ = ["OpensReports"]


class OpensReports(Door):
    """Reports."""

    def reports(self, path: str = "", name: str | None = None, per_page: int = 50) -> Reports:
        """Return the reports of a project.

        Args:
            path: `entity/project`, or less when the settings say the rest.
            name: Only the reports of this internal name, which may be written as in a URL.
            per_page: Reports per request.

        Returns:
            A lazy listing. The same object for the same path and name, until `flush`.

        Raises:
            PathError: The path has another form.
        """
        place = self._project_path(path)
        name = unquote(name) if name else None
        key = (Reports, place, name)
        if key not in self._opened:
            project = Project(self.client, place.entity, place.project, {})
            self._opened[key] = Reports(self.client, project, name, per_page=per_page)
        return cast("Reports", self._opened[key])
