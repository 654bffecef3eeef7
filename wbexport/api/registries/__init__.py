"""Registries: what an organization collects of its artifacts.

`registry` is one of them, with its `artifact_types` and `members`, which `has_members` adds and
removes; `listings` are all of them, and the collections and versions in them, chosen by `filters`.
"""

from wbexport.api.registries.artifact_types import AddOnlyArtifactTypesList
from wbexport.api.registries.listings import Collections, Registries, Versions
from wbexport.api.registries.members import MemberRole, TeamMember, UserMember
from wbexport.api.registries.registry import Registry

__all__ = [
    "AddOnlyArtifactTypesList",
    "Collections",
    "MemberRole",
    "Registries",
    "Registry",
    "TeamMember",
    "UserMember",
    "Versions",
]
