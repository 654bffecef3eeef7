"""W&B's objects, as its Import & Export API has them."""

from wbexport.api.accounts import User
from wbexport.api.client import Api
from wbexport.api.files import File, Files
from wbexport.api.projects import Project, Projects
from wbexport.api.run import Run
from wbexport.api.runs import Runs

__all__ = ["Api", "File", "Files", "Project", "Projects", "Run", "Runs", "User"]
