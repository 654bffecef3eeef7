"""Opens projects."""

from __future__ import annotations

from typing import cast

from wbexport.api.door import Door
from wbexport.api.projects import Project, Projects
from wbexport.paths import check_name

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

    def create_project(self, name: str, entity: str) -> None:
        """Create a project, unless there is one of that name.

        Args:
            name: Its name.
            entity: Its entity.

        Raises:
            PathError: The name cannot be.
            RequestError: The server did not create it.
        """
        given = {"name": check_name(name), "entityName": check_name(entity)}
        self.client.execute("CreateProject", {"input": given})

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
