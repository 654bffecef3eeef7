"""Reports of a project, and the runs that their sections show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wbexport.api.answers import project_in
from wbexport.api.attributes import Attributes, iframe, link
from wbexport.api.collection import Collection, QueryText
from wbexport.api.runs import Runs
from wbexport.errors import InputError, NotFoundError
from wbexport.graphql.models import parse_json_object
from wbexport.query.run_sets import filter_of_run_set, order_of_run_set

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wbexport.api.projects import Project
    from wbexport.api.service import Service

__all__ = ["BetaReport", "Reports"]


class BetaReport(Attributes):
    """A report: text and panels over the runs of a project.

    Args:
        client: Executes queries.
        attrs: The report's fields; without a `spec`, that is fetched when it is looked at.
        entity: The entity of the report's project.
        project: The project's name.

    Example:
        >>> report = api.reports("team/vision")[0]
        >>> [run.name for run in report.runs(report.sections[0])]
        ['baseline', 'augmented']
    """

    def __init__(
        self,
        client: Service,
        attrs: Mapping[str, Any],
        entity: str | None = None,
        project: str | None = None,
    ) -> None:
        super().__init__(attrs)
        self.client = client
        self.entity = entity
        self.project = project

    @property
    def id(self) -> str:
        """The report's id."""
        return str(self._attrs["id"])

    @property
    def name(self) -> str | None:
        """The report's internal name; `display_name` is its title."""
        name: str | None = self._attrs.get("name")
        return name

    @property
    def display_name(self) -> str | None:
        """The report's title."""
        title: str | None = self._attrs.get("displayName")
        return title

    @property
    def description(self) -> str | None:
        """What stands below the title."""
        description: str | None = self._attrs.get("description")
        return description

    @property
    def user(self) -> dict[str, Any] | None:
        """Who wrote the report: `username`, `photoUrl` and `email`."""
        user: dict[str, Any] | None = self._attrs.get("user")
        return user

    @property
    def created_at(self) -> str | None:
        """When the report was created."""
        moment: str | None = self._attrs.get("createdAt")
        return moment

    @property
    def updated_at(self) -> str | None:
        """When the report was changed last."""
        moment: str | None = self._attrs.get("updatedAt")
        return moment

    @property
    def spec(self) -> dict[str, Any]:
        """All that the report shows.

        Raises:
            NotFoundError: The report is gone, or this key may not see it.
        """
        if "spec" not in self._attrs:
            # The id in a web address has lost its padding.
            padded = self.id + "=" * (-len(self.id) % 4)
            view = self.client.execute("Report", {"id": padded}).get("view")
            if view is None:
                raise NotFoundError(
                    f"Could not find report {self.id} of {self.entity}/{self.project}: "
                    "it was deleted, or this key may not see it."
                )
            self._attrs = view | self._attrs
        return parse_json_object(self._attrs["spec"])

    @property
    def sections(self) -> list[dict[str, Any]]:
        """The parts of the report that show runs, each with its `runSets`."""
        spec = self.spec
        if "panelGroups" in spec:
            groups: list[dict[str, Any]] = spec["panelGroups"]
            return groups
        # Newer reports are lists of blocks, text and panels among each other.
        blocks = spec.get("blocks") or ()
        return [block["metadata"] for block in blocks if block.get("type") == "panel-grid"]

    @property
    def url(self) -> str | None:
        """Address of the report's page; None when a part of it is not known."""
        if not (self.entity and self.project and self.display_name and self._attrs.get("id")):
            return None
        title = quote(re.sub(r"[\W-]+", "-", self.display_name).strip("-"))
        page = f"{title}--{self.id.replace('=', '')}"
        return "/".join([self.client.app_url, self.entity, self.project, "reports", page])

    def runs(self, section: dict[str, Any], per_page: int = 50, only_selected: bool = True) -> Runs:
        """Return the runs that a section shows.

        Args:
            section: One of `sections`.
            per_page: Runs per request.
            only_selected: Leave out the runs whose eye is closed.

        Returns:
            A lazy listing, of the run set that is open, in its order.

        Raises:
            InputError: The section holds no run set, or the report's project is not known.
            QueryError: The run set filters or sorts by what is not understood.
        """
        run_sets = section.get("runSets") or []
        number = section.get("openRunSet") or 0
        if not 0 <= number < len(run_sets):
            raise InputError(f"The section has {len(run_sets)} run sets and no number {number}.")
        run_set = run_sets[number]
        # A run set may be of another project than the report.
        elsewhere = run_set.get("project") or {}
        entity, project = (
            elsewhere.get("entityName") or self.entity,
            elsewhere.get("name") or self.project,
        )
        if not entity or not project:
            raise InputError("The report names no project; give its entity and project.")
        filters = filter_of_run_set(run_set, only_selected=only_selected)
        order = order_of_run_set(run_set)
        return Runs(self.client, entity, project, filters, order, per_page)

    def to_html(self, height: int = 1024, hidden: bool = False) -> str:
        """Write HTML with a frame that shows the report's page.

        Args:
            height: Pixels.
            hidden: Show only the report's title until it is opened.

        Returns:
            The HTML.
        """
        if self.url is None:
            return "<div>The address of this report is not known.</div>"
        return iframe(self.url, str(self.display_name), height, hidden)

    def _repr_html_(self) -> str:
        return self.to_html() if self.url is None else link(self.url, str(self.display_name))

    def __repr__(self) -> str:
        return f"<BetaReport {self.entity}/{self.project}/{self._attrs.get('id')}>"


class Reports(Collection[BetaReport]):
    """A lazy listing of a project's reports.

    Args:
        client: Executes queries.
        project: The project.
        name: Only the reports of this internal name.
        entity: Accepted as in W&B; the project knows its entity.
        per_page: Reports per request.

    Example:
        >>> [report.display_name for report in api.reports("team/vision")]
        ['What helped']
    """

    QUERY = QueryText("Reports")
    _PAGE_VARIABLES = ("reportLimit", "reportCursor")

    def __init__(
        self,
        client: Service,
        project: Project,
        name: str | None = None,
        entity: str | None = None,
        per_page: int = 50,
    ) -> None:
        variables = {"entity": project.entity, "project": project.name, "viewName": name}
        super().__init__(client, variables, per_page)
        self.project = project
        self.name = name

    def __len__(self) -> int:
        """Return how many reports were loaded: the server does not count them."""
        if self._page is None:
            self._load_page()
        return len(self.objects)

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        project = project_in(data, "/".join(self.project.path))
        views: Mapping[str, Any] | None = project.get("allViews")
        return views

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[BetaReport]:
        owner = self.project
        return [BetaReport(self.client, node, owner.entity, owner.name) for node in nodes]

    def __repr__(self) -> str:
        return f"<Reports {'/'.join(self.project.path)}>"
