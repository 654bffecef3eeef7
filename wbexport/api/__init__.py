"""W&B's objects, as its Import & Export API has them.

`client` is the whole `Api`, put together from `door` (the connection, a `service`) and the
`openers`. Its objects are those of `projects`, `runs`, `run`, `files`, `console`, `sweeps`,
`reports`, `accounts`, `organizations`, `launch` (run queues) and `jobs` (what is queued in them),
and of three rooms of their own: `artifacts`, `registries` and `automations`. They stand on
`collection` (lazy listings) and `attributes`; `charts` makes custom charts, `tensorboard` runs from
event files.

A run is what it is (`run_fields`, `run_summary`), what may be done to it (`run_writes`, with
`uploads`, and `filestream` for new rows) and what it logged. Histories have three readers:
`sampling` asks for W&B's sample; `scan_history` gives one run's rows and `scan_histories` one frame
of many runs, both on `history`, which joins the files of `exports` with the live `pages`, the
latter also on `columns` when few keys are asked for (of long files, `ranges` fetches no more than
their columns); `history_files` saves those files as they are.
`listing` is what a sync plans from.

`answers` finds what was asked for in an answer, `concurrent` does many things at once, `downloads`
puts files in their places, and `json_values` writes what users set.
"""

from wbexport.api.accounts import Member, Team, User
from wbexport.api.artifacts import (
    Artifact,
    ArtifactCollection,
    ArtifactCollections,
    ArtifactFiles,
    Artifacts,
    ArtifactType,
    ArtifactTypes,
    RunArtifacts,
)
from wbexport.api.automations.listings import Automations
from wbexport.api.client import Api
from wbexport.api.console import ConsoleLogLine, ConsoleLogs
from wbexport.api.files import File, Files
from wbexport.api.history_files import DownloadHistoryResult
from wbexport.api.jobs import Job
from wbexport.api.launch import QueuedRun, RunQueue
from wbexport.api.organizations import Organization
from wbexport.api.projects import Project, Projects
from wbexport.api.registries import Registries, Registry
from wbexport.api.reports import BetaReport, Reports
from wbexport.api.run import Run
from wbexport.api.runs import Runs
from wbexport.api.sweeps import Sweep, Sweeps

__all__ = [
    "Api",
    "Artifact",
    "ArtifactCollection",
    "ArtifactCollections",
    "ArtifactFiles",
    "ArtifactType",
    "ArtifactTypes",
    "Artifacts",
    "Automations",
    "BetaReport",
    "ConsoleLogLine",
    "ConsoleLogs",
    "DownloadHistoryResult",
    "File",
    "Files",
    "Job",
    "Member",
    "Organization",
    "Project",
    "Projects",
    "QueuedRun",
    "Registries",
    "Registry",
    "Reports",
    "Run",
    "RunArtifacts",
    "RunQueue",
    "Runs",
    "Sweep",
    "Sweeps",
    "Team",
    "User",
]
