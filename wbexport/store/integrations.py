"""Writes the integrations of an entity: the Slack channels and webhooks that automations use."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from wbexport.store.documents import Document, write_document
from wbexport.store.logged import opaque_id

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

__all__ = ["INTEGRATION", "add_slack_integration", "add_webhook_integration"]

#: The kind of these documents; their scope is the entity.
INTEGRATION = "integration"


def add_slack_integration(
    cursor: duckdb.DuckDBPyConnection,
    entity: str,
    team_name: str,
    channel_name: str,
    *,
    now: datetime,
) -> Document:
    """Note a Slack channel of an entity. W&B's own are connected in its web pages alone.

    Args:
        cursor: The cursor of a transaction.
        entity: The entity.
        team_name: The Slack workspace.
        channel_name: The channel.
        now: The time.

    Returns:
        What was written.
    """
    fields = {"teamName": team_name, "channelName": channel_name}
    return _add(cursor, entity, "SlackIntegration", fields, name=None, now=now)


def add_webhook_integration(
    cursor: duckdb.DuckDBPyConnection,
    entity: str,
    name: str,
    fields: dict[str, str | None],
    *,
    now: datetime,
) -> Document:
    """Note a webhook of an entity.

    Args:
        cursor: The cursor of a transaction.
        entity: The entity.
        name: Its name.
        fields: `urlEndpoint`, and the names of secrets: `accessTokenRef` and `secretRef`.
        now: The time.

    Returns:
        What was written.
    """
    return _add(cursor, entity, "GenericWebhookIntegration", fields, name=name, now=now)


def _add(
    cursor: duckdb.DuckDBPyConnection,
    entity: str,
    typename: str,
    fields: dict[str, str | None] | dict[str, str],
    *,
    name: str | None,
    now: datetime,
) -> Document:
    storage_id = opaque_id(f"{typename}:v1:{secrets.token_hex(8)}")
    body = {"__typename": typename, **fields}
    document = Document(INTEGRATION, storage_id, entity, body, now, now, name)
    write_document(cursor, document)
    return document
