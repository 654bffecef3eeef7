"""W&B's objects, as its Import & Export API has them.

`client` is the whole `Api`, put together from `door` and the `openers`; `projects`, `runs`, `run`
and `files` are its objects, on `collection` (lazy listings) and `attributes`. Histories have three
readers: `sampling` asks for W&B's sample; `scan_history` gives one run's rows and `scan_histories`
one frame of many runs, both on `history`, which joins the files of `exports` with the live `pages`.
`listing` is what a sync plans from.
"""

from wbexport.api.accounts import Member, Team, User
from wbexport.api.client import Api
from wbexport.api.files import File, Files
from wbexport.api.projects import Project, Projects
from wbexport.api.run import Run
from wbexport.api.runs import Runs

__all__ = [
    "Api",
    "File",
    "Files",
    "Member",
    "Project",
    "Projects",
    "Run",
    "Runs",
    "Team",
    "User",
]
