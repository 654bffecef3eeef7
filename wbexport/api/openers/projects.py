"""Opens projects."""

from __future__ import annotations

from typing import cast

from wbexport.api.door import Door
from wbexport.api.projects import Project, Projects

__all__ = ["OpensProjects"]


class OpensProjects(Door):
    """Projects, one or all of an entity."""

    def project(self, name: str, entity: str | None = None) -> Project:
        """Return a project. It is fetched when one of its fields is looked at.

        Args:
            name: Its name.
            entity: Its entity; by default that of the settings or of the key.

        Returns:
            The project.

        Raises:
            PathError: No entity is given or known.
        """
        path = self._project_path(f"{entity}/{name}" if entity else name)
        return Project(self.client, path.entity, path.project, {})

    def projects(self, entity: str | None = None, per_page: int = 200) -> Projects:
        """Return the projects of an entity.

        Args:
            entity: The entity; by default that of the settings or of the key.
            per_page: Projects per request.

        Returns:
            A lazy listing.

        Raises:
            InputError: No entity is given or known.
        """
        entity = self._require_entity(entity)
        key = (Projects, entity)
        if key not in self._opened:
            self._opened[key] = Projects(self.client, entity, per_page)
        return cast("Projects", self._opened[key])
