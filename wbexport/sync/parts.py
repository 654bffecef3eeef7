"""Brings over what a project has besides its runs: sweeps, reports and artifacts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wbexport.errors import NotFoundError
from wbexport.graphql.connection import iter_pages
from wbexport.graphql.models import AuthorNode, ReportNode, SweepNode, read_node
from wbexport.store.reports import ReportRow, read_reports, upsert_report
from wbexport.store.sweeps import SweepRow, read_sweeps, upsert_sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wbexport.api.service import Service
    from wbexport.paths import ProjectPath
    from wbexport.store.database import Store

__all__ = ["PartJob", "sync_reports", "sync_sweeps"]

#: Reports, and what their authors have not published yet.
_VIEW_TYPES = ("runs", "runs/draft")


@dataclass(frozen=True, slots=True)
class PartJob:
    """The part of a sync that looks at the project itself.

    Args:
        service: The server.
        store: The store.
        origin: The server's origin, as the store writes it.
        project: The project's path.
        project_no: The project in the store.
        interrupted: Tells whether to stop before the next piece of work.
        accept_deletes: Believe the server even if a collection has not one of its versions left.
        failures: Takes the path of each object that failed, and why.
    """

    service: Service
    store: Store
    origin: str
    project: ProjectPath
    project_no: int
    interrupted: Callable[[], bool]
    accept_deletes: bool = False
    failures: dict[str, str] = field(default_factory=dict)

    def nodes(
        self, operation: str, *place: str, cursor_name: str = "cursor", **variables: Any
    ) -> Iterator[Mapping[str, Any]]:
        """List all nodes of a connection below the project.

        Args:
            operation: The document.
            *place: Fields from the project to the connection.
            cursor_name: The variable that takes the cursor.
            **variables: Its other variables, without the project's.

        Yields:
            The nodes.

        Raises:
            NotFoundError: Something on the way is gone, or this key may not see it.
        """
        for page in self.pages(operation, *place, cursor_name=cursor_name, **variables):
            yield from (edge["node"] for edge in page["edges"])

    def pages(
        self, operation: str, *place: str, cursor_name: str = "cursor", **variables: Any
    ) -> Iterator[Mapping[str, Any]]:
        """List a connection below the project page by page, as `nodes` does."""
        names = {"entity": self.project.entity, "project": self.project.project}

        def fetch(cursor: str | None) -> Mapping[str, Any]:
            given = {**names, **variables, cursor_name: cursor}
            found: Any = self.service.execute(operation, given).get("project")
            for name in place:
                found = found and found.get(name)
            if found is None:
                raise NotFoundError(f"The server lists no {place[-1]} of {self.project} any more.")
            return dict(found)

        yield from iter_pages(fetch)


def sync_sweeps(job: PartJob) -> int:
    """Bring over new and changed sweeps; those that the server has no more stay.

    Returns:
        How many were written.
    """
    nodes = (read_node(SweepNode, each) for each in job.nodes("Sweeps", "sweeps", perPage=200))
    rows = [_sweep_row(job, node) for node in nodes]
    known = read_sweeps(job.store.cursor(), project_no=job.project_no)
    changed = [row for row in rows if row not in known]
    if changed:
        with job.store.transaction() as cursor:
            for row in changed:
                upsert_sweep(cursor, row)
    return len(changed)


def sync_reports(job: PartJob) -> int:
    """Bring over new and changed reports and drafts; those that are gone stay.

    Returns:
        How many were written.
    """
    rows = [
        _report_row(job, view_type, read_node(ReportNode, each))
        for view_type in _VIEW_TYPES
        for each in job.nodes(
            "Reports",
            "allViews",
            cursor_name="reportCursor",
            reportLimit=100,
            viewType=view_type,
        )
    ]
    known = read_reports(job.store.cursor(), project_no=job.project_no)
    changed = [row for row in rows if row not in known]
    if changed:
        with job.store.transaction() as cursor:
            for row in changed:
                upsert_report(cursor, row)
    return len(changed)


def _sweep_row(job: PartJob, node: SweepNode) -> SweepRow:
    return SweepRow(
        job.project_no,
        node.id,
        node.name,
        display_name=node.display_name,
        description=node.description,
        method=node.method,
        state=node.state,
        config=node.config,
        best_loss=node.best_loss,
        run_count=node.run_count,
        run_count_expected=node.run_count_expected,
        created_at=node.created_at,
        updated_at=node.updated_at,
    )


def _report_row(job: PartJob, view_type: str, node: ReportNode) -> ReportRow:
    author = node.user or AuthorNode()
    return ReportRow(
        job.project_no,
        node.id,
        node.name,
        view_type,
        node.spec,
        display_name=node.display_name,
        description=node.description,
        username=author.username,
        email=author.email,
        photo_url=author.photo_url,
        created_at=node.created_at,
        updated_at=node.updated_at,
    )
