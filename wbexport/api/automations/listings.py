"""Lazy listings of the automations and integrations that a server has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from wbexport.api.automations.automation import Automation
from wbexport.api.automations.integrations import (
    Integration,
    SlackIntegration,
    WebhookIntegration,
)
from wbexport.api.automations.models import to_text, without_typename
from wbexport.api.automations.support import document_for
from wbexport.api.collection import Collection, QueryText
from wbexport.errors import NotFoundError
from wbexport.graphql.models import read_node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wbexport.api.service import Service

__all__ = [
    "Automations",
    "EntityAutomations",
    "Integrations",
    "SlackIntegrations",
    "WebhookIntegrations",
    "list_automations",
]

_IntegrationT = TypeVar("_IntegrationT", bound=SlackIntegration | WebhookIntegration)


def list_automations(
    client: Service,
    entity: str | None,
    name: str | None,
    *,
    per_page: int = 50,
    start: str | None = None,
) -> Automations | EntityAutomations:
    """List automations in the shortest way the server knows.

    Args:
        client: Executes queries.
        entity: Only those of this entity; otherwise all that the key may see.
        name: Only those of this name.
        per_page: Automations, or the projects that have them, per request.
        start: The `cursor` of another listing, to go on from there.
    """
    if entity is not None and "QUERY_AUTOMATIONS_ON_ENTITY" in client.features:
        return EntityAutomations(client, entity, name=name, per_page=per_page, start=start)
    return Automations(client, entity, name=name, per_page=per_page, start=start)


class Automations(Collection[Automation]):
    """A lazy listing of automations, project by project.

    Args:
        client: Executes queries.
        entity: Only those of this entity's projects; otherwise of all that the key may see.
        name: Only those of this name.
        per_page: Projects per request.
        start: The `cursor` of another listing, to go on from there.

    Example:
        >>> [automation.name for automation in api.automations()]
        ['alert on divergence', 'promote best']
    """

    QUERY = QueryText("Automations")

    def __init__(
        self,
        client: Service,
        entity: str | None = None,
        *,
        name: str | None = None,
        per_page: int = 50,
        start: str | None = None,
    ) -> None:
        variables = {} if entity is None else {"entity": entity}
        super().__init__(client, variables, per_page, start=start)
        self.entity = entity
        self._name = name

    def _query(self) -> str:
        operation = "Automations" if self.entity is None else "EntityProjectAutomations"
        return document_for(self.client, operation)

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if self.entity is None:
            owner: Mapping[str, Any] | None = data.get("viewer")
        else:
            owner = _owner(data, self.entity)
        return (owner or {}).get("projects")

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[Automation]:
        found = [trigger for node in nodes for trigger in node["triggers"]]
        return [
            read_node(Automation, trigger)
            for trigger in found
            if self._name is None or trigger["name"] == self._name
        ]


class EntityAutomations(Collection[Automation]):
    """A lazy listing of an entity's automations.

    Args:
        client: Executes queries.
        entity: The entity.
        name: Only those of this name.
        per_page: Automations per request.
        start: The `cursor` of another listing, to go on from there.
    """

    QUERY = QueryText("EntityAutomations")

    def __init__(
        self,
        client: Service,
        entity: str,
        *,
        name: str | None = None,
        per_page: int = 50,
        start: str | None = None,
    ) -> None:
        filters = None if name is None else to_text({"name": name})
        super().__init__(client, {"entity": entity, "filters": filters}, per_page, start=start)
        self.entity = entity

    def _query(self) -> str:
        return document_for(self.client, "EntityAutomations")

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return _owner(data, self.entity).get("triggers")

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[Automation]:
        return [read_node(Automation, node) for node in nodes]


class _Integrations(Collection[_IntegrationT]):
    """Any listing of an entity's integrations; kinds that are not asked for are left out."""

    QUERY = QueryText("Integrations")
    _KINDS: ClassVar[Mapping[str, type[Any]]]

    def __init__(
        self, client: Service, entity: str, per_page: int = 50, *, start: str | None = None
    ) -> None:
        super().__init__(client, {"entity": entity}, per_page, start=start)
        self.entity = entity

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return _owner(data, self.entity).get("integrations")

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[_IntegrationT]:
        kinds = ((self._KINDS.get(node["__typename"]), node) for node in nodes)
        return [read_node(kind, without_typename(node)) for kind, node in kinds if kind]


class SlackIntegrations(_Integrations[SlackIntegration]):
    """A lazy listing of an entity's Slack channels.

    Args:
        client: Executes queries.
        entity: The entity.
        per_page: Integrations per request.
        start: The `cursor` of another listing, to go on from there.
    """

    _KINDS: ClassVar = {"SlackIntegration": SlackIntegration}


class WebhookIntegrations(_Integrations[WebhookIntegration]):
    """A lazy listing of an entity's webhooks.

    Args:
        client: Executes queries.
        entity: The entity.
        per_page: Integrations per request.
        start: The `cursor` of another listing, to go on from there.
    """

    _KINDS: ClassVar = {"GenericWebhookIntegration": WebhookIntegration}


class Integrations(_Integrations[Integration]):
    """A lazy listing of an entity's Slack channels and webhooks.

    Args:
        client: Executes queries.
        entity: The entity.
        per_page: Integrations per request.
        start: The `cursor` of another listing, to go on from there.
    """

    _KINDS: ClassVar = {**SlackIntegrations._KINDS, **WebhookIntegrations._KINDS}


def _owner(data: Mapping[str, Any], entity: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] | None = data.get("entity")
    if found is None:
        raise NotFoundError(f"There is no entity {entity}, or this key may not see it.")
    return found
