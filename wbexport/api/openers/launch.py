"""Opens run queues, queued runs and jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wbexport.api.door import Door
from wbexport.api.jobs import Job, list_jobs
from wbexport.api.launch import QueuedRun, RunQueue, create_run_queue, upsert_run_queue

if TYPE_CHECKING:
    from wbexport.api.launch import RunQueuePrioritizationMode, RunQueueResourceType

__all__ = ["OpensLaunch"]


class OpensLaunch(Door):
    """Run queues, queued runs and jobs."""

    def run_queue(self, entity: str, name: str) -> RunQueue:
        """Return a run queue. It is fetched when one of its fields is looked at.

        Args:
            entity: Who owns it.
            name: Its name.

        Returns:
            The queue.
        """
        return RunQueue(self.client, name, entity)

    def create_run_queue(
        self,
        name: str,
        type: RunQueueResourceType,
        entity: str | None = None,
        prioritization_mode: RunQueuePrioritizationMode | None = None,
        config: dict[str, Any] | None = None,
        template_variables: dict[str, Any] | None = None,
    ) -> RunQueue:
        """Create a run queue.

        Args:
            name: Its name, at most 64 characters.
            type: What its runs run on: `local-container`, `local-process`, `kubernetes`,
                `sagemaker` or `gcp-vertex`.
            entity: Who owns it; by default that of the settings or of the key.
            prioritization_mode: `V0` for a queue whose runs have priorities.
            config: What its runs are given; `{{name}}` in it stands for a template variable.
            template_variables: Name to `{"schema": {"type": …, "default": …, "enum": …}}`.

        Returns:
            The queue.

        Raises:
            InputError: An argument cannot be right.
            GraphQLError: The server refused it, for instance because there is one of that name.
        """
        return create_run_queue(
            self.client,
            self._require_entity(entity),
            name,
            type,
            prioritization_mode=prioritization_mode,
            config=config,
            template_variables=template_variables,
        )

    def upsert_run_queue(
        self,
        name: str,
        resource_config: dict[str, Any],
        resource_type: RunQueueResourceType,
        entity: str | None = None,
        template_variables: dict[str, Any] | None = None,
        external_links: dict[str, str] | None = None,
        prioritization_mode: RunQueuePrioritizationMode | None = None,
    ) -> RunQueue:
        """Create a run queue, or change the one of that name.

        Args:
            name: Its name, at most 64 characters.
            resource_config: What its runs are given; `{{name}}` in it stands for a template
                variable.
            resource_type: What its runs run on: `local-container`, `local-process`, `kubernetes`,
                `sagemaker` or `gcp-vertex`.
            entity: Who owns it; by default that of the settings or of the key.
            template_variables: Name to `{"schema": {"type": …, "default": …, "enum": …}}`.
            external_links: Label to address of pages about it.
            prioritization_mode: `V0` for a queue whose runs have priorities, or `DISABLED`.

        Returns:
            The queue.

        Raises:
            InputError: An argument cannot be right.
            GraphQLError: The server refused it.
        """
        return upsert_run_queue(
            self.client,
            self._require_entity(entity),
            name,
            resource_type,
            resource_config,
            prioritization_mode=prioritization_mode,
            template_variables=template_variables,
            external_links=external_links,
        )

    def queued_run(
        self,
        entity: str,
        project: str,
        queue_name: str,
        run_queue_item_id: str,
        project_queue: str | None = None,
        priority: int | None = None,
    ) -> QueuedRun:
        """Return a run that waits in a queue.

        Args:
            entity: Its entity.
            project: The project that the run is going to be in.
            queue_name: The queue.
            run_queue_item_id: Its id in the queue.
            project_queue: The project that holds the queue; by default that of all queues.
            priority: How soon it was asked for.

        Returns:
            The queued run.
        """
        return QueuedRun(
            self.client, entity, project, queue_name, run_queue_item_id, project_queue, priority
        )

    def job(self, name: str | None, path: str | None = None) -> Job:
        """Return a job.

        Args:
            name: `entity/project/name:alias`.
            path: The folder that its files are brought to.

        Returns:
            The job.

        Raises:
            InputError: The name has another form.
            NotFoundError: There is no such job, or this key may not see it.
        """
        return Job(self.client, name or "", path)

    def list_jobs(self, entity: str, project: str) -> list[dict[str, Any]]:
        """Return the versions of each job of a project, as the server sends them.

        Args:
            entity: The project's entity.
            project: The project.

        Returns:
            One `{"edges": […]}` per job; empty when the project cannot be seen.

        Raises:
            InputError: No entity or project is given.
        """
        return list_jobs(self.client, entity, project)
