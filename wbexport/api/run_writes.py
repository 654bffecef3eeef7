"""What may be done to a run: create, change, stop and delete it, and give it files."""

from __future__ import annotations

import secrets
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from wbexport.api.files import File, Files
from wbexport.api.json_values import write_values
from wbexport.api.run_fields import RunFields
from wbexport.api.run_summary import RunSummary
from wbexport.api.uploads import name_below, upload_run_files
from wbexport.errors import InputError, NotFoundError
from wbexport.paths import DEFAULT_PROJECT, check_name, check_run_id

if TYPE_CHECKING:
    from typing import Self

    from wbexport.api.door import Door

__all__ = ["RunWrites", "new_run_id"]

_ID_LETTERS = string.ascii_lowercase + string.digits
_FirstState = Literal["running", "pending"]
_SETTABLE_STATES = ("pending", "failed")


def new_run_id() -> str:
    """Return an id as W&B makes them: eight letters and digits."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(8))


class RunWrites(RunFields):
    """A run that can be changed. What is set stays here until `update` or `save` sends it."""

    @classmethod
    def create(
        cls,
        api: Door,
        run_id: str | None = None,
        project: str | None = None,
        entity: str | None = None,
        state: _FirstState = "running",
    ) -> Self:
        """Create a run, or return the one that has this id.

        Args:
            api: The connection.
            run_id: Its id; a new one by default.
            project: Its project, created when it is not there; by default that of the settings,
                or `uncategorized`.
            entity: The project's entity; by default that of the settings or of the key.
            state: `running`, or `pending` for a run that something else will start.

        Returns:
            The run.

        Raises:
            InputError: The id or the state cannot be.
            RequestError: The server did not create it.
        """
        if state not in get_args(_FirstState):
            raise InputError(f"A run starts as 'running' or as 'pending', not as {state!r}.")
        variables = {
            "entity": entity or api.settings.entity,
            "project": check_name(project or api.settings.project or DEFAULT_PROJECT),
            "name": check_run_id(run_id) if run_id is not None else new_run_id(),
            "state": state,
        }
        run = api.client.execute("CreateRun", variables)["upsertBucket"]["bucket"]
        owner = run["project"]
        return cls(api.client, owner["entity"]["name"], owner["name"], run["name"], run)

    @property
    def summary(self) -> RunSummary:
        """The run's summary values, as a dict that may be changed; its `update` sends it."""
        values = self._full("summaryMetrics")
        if self._summary is None:
            self._summary = RunSummary(values, self._send_summary)
        return self._summary

    @property
    def json_config(self) -> str:
        """The configuration as W&B stores it, in JSON."""
        config = {key: {"value": value, "desc": None} for key, value in self.config.items()}
        own = self.rawconfig
        if "_wandb" in own:
            config["_wandb"] = {"value": own["_wandb"], "desc": None}
        if "wandb_version" in own:
            config["wandb_version"] = own["wandb_version"]
        return write_values(config, "config")

    def save(self) -> None:
        """Send what was changed; the same as `update`."""
        self.update()

    def update(self) -> None:
        """Send name, notes, description, tags, group, job type, config and summary, in one request.

        What is None stays as it is on the server; empty text clears it.

        Raises:
            InputError: A value cannot be. Nothing was sent.
            RequestError: The server did not take it; then nothing was changed.
        """
        if not isinstance(self.tags, list) or not all(isinstance(tag, str) for tag in self.tags):
            raise InputError(f"tags must be a list of texts, not {self.tags!r}.")
        self._change(
            displayName=self.display_name,
            description=self.description,
            notes=self.notes,
            tags=self.tags,
            group=self.group,
            jobType=self.job_type,
            config=self.json_config,
            summary=write_values(self.summary_metrics, "summary"),
        )

    def delete(self, delete_artifacts: bool = False) -> None:
        """Delete the run.

        Args:
            delete_artifacts: Delete what it logged as artifacts as well.

        Raises:
            RequestError: The server did not delete it.
        """
        variables = {"id": self.storage_id, "deleteArtifacts": bool(delete_artifacts)}
        self.client.execute("DeleteRun", variables)

    def stop(self) -> None:
        """Ask the run's process to stop; it does so when it next reports to the server.

        Raises:
            RequestError: The server did not take the request.
        """
        self.client.execute("StopRun", {"id": self.storage_id})

    def update_state(self, state: str) -> bool:
        """Set the state of a run that does not belong to a sweep.

        Args:
            state: `pending`, to have it started again, or `failed`, to give it up.

        Returns:
            Whether the server set it.

        Raises:
            InputError: The state is another one.
            GraphQLError: The run's present state does not lead to that one.
        """
        if state not in _SETTABLE_STATES:
            raise InputError(f"A run can be set to 'pending' or to 'failed', not to {state!r}.")
        variables = {"input": {"id": self.storage_id, "state": state}}
        answer = self.client.execute("UpdateRunState", variables).get("updateRunState") or {}
        if answer.get("success"):
            self._attrs["state"] = state
        return bool(answer.get("success"))

    def upload_file(self, path: str, root: str = ".") -> File:
        """Upload a file of this machine to the run.

        Args:
            path: The file.
            root: The folder from which on its path is its name in the run: in the folder
                `my_dir`, `root=".."` makes `file.txt` be `my_dir/file.txt`.

        Returns:
            The file as the run has it.

        Raises:
            InputError: It is not a file below `root`.
            RequestError: The server did not take it.
        """
        name = name_below(root, path)
        upload_run_files(self.client, self.run_path, {name: Path(path)})
        return self.file(name)

    def file(self, name: str) -> File:
        """Return one file of the run.

        Args:
            name: Its name, with folders.

        Returns:
            The file.

        Raises:
            NotFoundError: The run has no such file.
        """
        for file in Files(self.client, self, [name]):
            return file
        raise NotFoundError(f"Run {self.run_path} has no file {name!r}; run.files() lists them.")

    def _send_summary(self) -> None:
        self._change(summary=write_values(self.summary_metrics, "summary"))

    def _change(self, **fields: Any) -> None:
        variables = {"id": self.storage_id, **fields}
        answer = self.client.execute("UpdateRun", variables).get("upsertBucket") or {}
        if not answer.get("bucket"):
            raise NotFoundError(
                f"Could not change run {self.run_path}: it was deleted, "
                "or this key may not change it."
            )
