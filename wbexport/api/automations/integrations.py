"""Where automations send what they have to say."""

from __future__ import annotations

from pydantic import Field, StrictStr

from wbexport.api.automations.models import Model

__all__ = ["Integration", "SlackIntegration", "WebhookIntegration"]


class SlackIntegration(Model, frozen=True):
    """A Slack channel that a team has connected.

    Args:
        id: Its id.
        team_name: The Slack workspace.
        channel_name: The channel.
    """

    id: StrictStr
    team_name: str = Field(alias="teamName")
    channel_name: str = Field(alias="channelName")


class WebhookIntegration(Model, frozen=True):
    """An address that requests are sent to.

    Args:
        id: Its id.
        name: Its name.
        url_endpoint: The address.
    """

    id: StrictStr
    name: str
    url_endpoint: str = Field(alias="urlEndpoint")


#: Either of them.
Integration = SlackIntegration | WebhookIntegration
