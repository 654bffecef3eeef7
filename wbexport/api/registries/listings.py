"""Listings of registries, of the collections in them and of the versions in those."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from wbexport.api.artifacts import Artifact, ArtifactCollection
from wbexport.api.collection import Collection, QueryText, SizedCollection
from wbexport.api.registries.filters import (
    filter_text,
    order_text,
    registry_filter,
    search_filter,
)
from wbexport.api.registries.registry import Registry
from wbexport.errors import InputError, NotFoundError, UnsupportedError
from wbexport.paths import REGISTRY_PREFIX, ArtifactPath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wbexport.api.service import Service

__all__ = ["Chained", "Collections", "Registries", "Versions"]

_T = TypeVar("_T")

_ADVANCED_SEARCH = "ARTIFACT_COLLECTIONS_FILTERING_SORTING"


class Chained(Generic[_T]):
    """What is in registries or collections that were put in order, one of them after the other.

    Args:
        listings: The listing of each.
        versions: Makes the listing of the versions in one object of those.
    """

    def __init__(
        self, listings: Iterable[Iterable[_T]], versions: Callable[..., Versions] | None = None
    ) -> None:
        self._objects = chain.from_iterable(listings)
        self._versions = versions

    def __iter__(self) -> Iterator[_T]:
        return self

    def __next__(self) -> _T:
        return next(self._objects)

    def versions(
        self,
        filter: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 100,
    ) -> Chained[Artifact]:
        """Return the versions in these collections, those of one after those of another.

        Args:
            filter: W&B's filter for versions.
            order: A key to sort those of one collection by, after `+` or `-`.
            per_page: Versions per request.

        Returns:
            An iterator.
        """
        make = self._versions
        if make is None:
            raise InputError("Only collections have versions.")
        return Chained(make(each, filter, order, per_page) for each in self)


class Registries(Collection[Registry]):
    """A lazy listing of the registries of an organization.

    Args:
        client: Executes queries.
        organization: The organization.
        filter: W&B's filter for registries: `name`, `description`, `created_at`, `updated_at`.
        order: `name`, `created_at` or `updated_at`, after `+` (ascending) or `-` (descending).
        per_page: Registries per request.
        start: The `cursor` of another listing, to go on from there.

    Raises:
        QueryError: The filter or the order is not understood. Nothing was sent.

    Example:
        >>> [registry.name for registry in api.registries(filter={"name": {"$regex": "model"}})]
        ['model']
    """

    QUERY = QueryText("Registries")

    def __init__(
        self,
        client: Service,
        organization: str,
        filter: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 100,
        start: str | None = None,
    ) -> None:
        self.organization = organization
        self.filter = search_filter(filter, "registry")
        self.order = order_text(order, "registry")
        self._asked_filter = filter
        variables = {
            "organization": organization,
            "filters": filter_text(self.filter),
            "order": self.order,
        }
        super().__init__(client, variables, per_page, start=start)

    @property
    def length(self) -> int | None:
        """How many registries the last page has; None before the first, as nobody counts them."""
        return None if self._page is None else len(self._page["edges"])

    def collections(
        self,
        filter: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 100,
        start: str | None = None,
    ) -> Collections | Chained[ArtifactCollection]:
        """Return the collections in these registries.

        Args:
            filter: W&B's filter for collections: `name`, `tag`, `description`, `created_at`,
                `updated_at`.
            order: `name`, `created_at` or `updated_at`, after `+` or `-`.
            per_page: Collections per request.
            start: The `cursor` of another listing, to go on from there; not where the registries
                are put in order.

        Returns:
            A lazy listing; where the registries are put in order, an iterator through one after
            the other.

        Raises:
            QueryError: The filter or the order is not understood.
            InputError: `start` for registries in order.
        """
        if self.order is None:
            return Collections(
                self.client,
                self.organization,
                self._asked_filter,
                filter,
                order,
                per_page,
                start,
            )
        _refuse_start(start)
        return Chained(
            (registry.collections(filter, order, per_page) for registry in self),
            lambda each, *given: _versions_in(self.client, self.organization, each, *given),
        )

    def versions(
        self,
        filter: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 100,
        start: str | None = None,
    ) -> Versions | Chained[Artifact]:
        """Return the versions in these registries.

        Args:
            filter: W&B's filter for versions: `tag`, `alias`, `version`, `metadata.KEY`,
                `created_at`.
            order: `created_at`, `artifact_size` or `linked_at`, after `+` or `-`.
            per_page: Versions per request.
            start: The `cursor` of another listing, to go on from there; not where the registries
                are put in order.

        Returns:
            A lazy listing; where the registries are put in order, an iterator through one after
            the other.

        Raises:
            QueryError: The filter or the order is not understood.
            InputError: `start` for registries in order.
            UnsupportedError: The server cannot put versions in order.
        """
        if self.order is None:
            found = (self._asked_filter, None, filter)
            return Versions(self.client, self.organization, *found, order, per_page, start)
        _refuse_start(start)
        return Chained(registry.versions(filter, order, per_page) for registry in self)

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = _org_entity(data, self.organization).get("projects")
        return found

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[Registry]:
        return [
            Registry(
                self.client,
                self.organization,
                node["entity"]["name"],
                node["name"].removeprefix(REGISTRY_PREFIX),
                node,
            )
            for node in nodes
        ]

    def __repr__(self) -> str:
        return f"<Registries {self.organization}>"


class Collections(SizedCollection[ArtifactCollection]):
    """A lazy listing of the collections in registries.

    Args:
        client: Executes queries.
        organization: The organization.
        registry_filter: W&B's filter for registries.
        collection_filter: W&B's filter for collections.
        order: `name`, `created_at` or `updated_at`, after `+` (ascending) or `-` (descending).
        per_page: Collections per request.
        start: The `cursor` of another listing, to go on from there.

    Raises:
        QueryError: A filter or the order is not understood. Nothing was sent.
    """

    QUERY = QueryText("RegistryCollections")

    def __init__(
        self,
        client: Service,
        organization: str,
        registry_filter: Mapping[str, Any] | None = None,
        collection_filter: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 100,
        start: str | None = None,
    ) -> None:
        self.organization = organization
        self.registry_filter = search_filter(registry_filter, "registry")
        self.collection_filter = search_filter(collection_filter, "collection")
        self.order = order_text(order, "collection")
        self._asked = registry_filter, collection_filter
        variables = {
            "organization": organization,
            "registryFilter": filter_text(self.registry_filter),
            "collectionFilter": filter_text(self.collection_filter),
            "order": self.order,
        }
        super().__init__(client, variables, per_page, start=start)

    def versions(
        self,
        filter: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 100,
        start: str | None = None,
    ) -> Versions | Chained[Artifact]:
        """Return the versions in these collections.

        Args:
            filter: W&B's filter for versions: `tag`, `alias`, `version`, `metadata.KEY`,
                `created_at`.
            order: `created_at`, `artifact_size` or `linked_at`, after `+` or `-`.
            per_page: Versions per request.
            start: The `cursor` of another listing, to go on from there; not where the collections
                are put in order.

        Returns:
            A lazy listing; where the collections are put in order, an iterator through one after
            the other.

        Raises:
            QueryError: The filter or the order is not understood.
            InputError: `start` for collections in order.
            UnsupportedError: The server cannot put versions in order.
        """
        if self.order is None:
            found = (*self._asked, filter)
            return Versions(self.client, self.organization, *found, order, per_page, start)
        _refuse_start(start)
        given = (filter, order, per_page)
        return Chained(_versions_in(self.client, self.organization, each, *given) for each in self)

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] = (
            _org_entity(data, self.organization).get("artifactCollections") or {}
        )
        self._count = found.get("totalCount")
        return found

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[ArtifactCollection]:
        return [
            ArtifactCollection(self.client, "", "", "", "", self.organization, node)
            for node in nodes
            if node.get("project")
        ]

    def __repr__(self) -> str:
        return f"<Collections {self.organization}>"


class Versions(Collection[Artifact]):
    """A lazy listing of the versions that are linked into registries.

    Args:
        client: Executes queries.
        organization: The organization.
        registry_filter: W&B's filter for registries.
        collection_filter: W&B's filter for collections.
        artifact_filter: W&B's filter for versions.
        order: `created_at`, `artifact_size` or `linked_at`, after `+` (ascending) or `-`
            (descending).
        per_page: Versions per request.
        start: The `cursor` of another listing, to go on from there.

    Raises:
        QueryError: A filter or the order is not understood.
        UnsupportedError: The server cannot put versions in order.
    """

    QUERY = QueryText("RegistryVersions")

    def __init__(
        self,
        client: Service,
        organization: str,
        registry_filter: Mapping[str, Any] | None = None,
        collection_filter: Mapping[str, Any] | None = None,
        artifact_filter: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 100,
        start: str | None = None,
    ) -> None:
        advanced = _searches_advanced(client, organization)
        if order is not None and not advanced:
            raise UnsupportedError(
                f"{organization} cannot put the versions of registries in order."
            )
        self.organization = organization
        self.registry_filter = search_filter(registry_filter, "registry", advanced=advanced)
        self.collection_filter = search_filter(collection_filter, "collection", advanced=advanced)
        self.artifact_filter = search_filter(artifact_filter, "version", advanced=advanced)
        self.order = order_text(order, "version")
        variables = {
            "organization": organization,
            "registryFilter": filter_text(self.registry_filter),
            "collectionFilter": filter_text(self.collection_filter),
            "artifactFilter": filter_text(self.artifact_filter),
            "order": self.order,
        }
        super().__init__(client, variables, per_page, start=start)

    @property
    def length(self) -> int | None:
        """How many versions the last page has; None before the first, as nobody counts them."""
        return None if self._page is None else len(self._page["edges"])

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = _org_entity(data, self.organization).get(
            "artifactMemberships"
        )
        return found

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[Artifact]:
        found = []
        for node in nodes:
            collection, index = node.get("artifactCollection") or {}, node.get("versionIndex")
            project = collection.get("project")
            if project and node.get("artifact") and index is not None:
                place = (project["entity"]["name"], project["name"], collection["name"])
                path = ArtifactPath(*place, f"v{index}")
                found.append(Artifact.from_membership(self.client, path, node))
        return found

    def __repr__(self) -> str:
        return f"<Versions {self.organization}>"


def _versions_in(
    client: Service, organization: str, collection: ArtifactCollection, *given: Any
) -> Versions:
    place = registry_filter(collection.project_internal_id, collection.project)
    return Versions(client, organization, place, {"name": collection.name}, *given)


def _org_entity(data: Mapping[str, Any], organization: str) -> Mapping[str, Any]:
    entity: Mapping[str, Any] | None = (data.get("organization") or {}).get("orgEntity")
    if entity is None:
        raise NotFoundError(
            f"There is no organization {organization!r}: check its name, or this key may not see "
            "it."
        )
    return entity


def _searches_advanced(client: Service, organization: str) -> bool:
    if _ADVANCED_SEARCH not in client.features:
        return False
    answer = client.execute("AdvancedRegistrySearch", {"organization": organization})
    features = (answer.get("organization") or {}).get("advancedRegistryFeatures") or {}
    return bool(features.get("advancedSearch"))


def _refuse_start(start: str | None) -> None:
    if start is not None:
        raise InputError("start has no meaning where the listing is made of several in order.")
