"""W&B's artifacts: types, collections, versions and their files, and the making of new versions.

An `Artifact` is built in layers: `fields` is what the server says of it, `contents` its `manifest`
and what a new one is filled with, `downloads` brings its files here, and `artifact` itself saves,
links and deletes. `uploads` logs new versions; `references` knows what lies outside of W&B, and
`tables` reads those that were put into artifacts. `types`, `collections`, `versions` and `files`
list what there is; `of_run` is what a run has of it. `names` says what may be called how.
"""

from wbexport.api.artifacts.artifact import Artifact
from wbexport.api.artifacts.collections import ArtifactCollection, ArtifactCollections
from wbexport.api.artifacts.fields import ArtifactTTL
from wbexport.api.artifacts.files import ArtifactFiles
from wbexport.api.artifacts.tables import ArtifactTable
from wbexport.api.artifacts.types import ArtifactType, ArtifactTypes
from wbexport.api.artifacts.versions import Artifacts, RunArtifacts

__all__ = [
    "Artifact",
    "ArtifactCollection",
    "ArtifactCollections",
    "ArtifactFiles",
    "ArtifactTTL",
    "ArtifactTable",
    "ArtifactType",
    "ArtifactTypes",
    "Artifacts",
    "RunArtifacts",
]
