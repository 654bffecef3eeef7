"""What an automation does: it notifies, calls a webhook, asks ARIA, or does nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictStr,
)
from pydantic.alias_generators import to_camel

from wbexport.api.automations.integrations import SlackIntegration, WebhookIntegration
from wbexport.api.automations.models import Choice, Encoded, Model, without_typename
from wbexport.errors import InputError

__all__ = [
    "Action",
    "ActionType",
    "AlertSeverity",
    "DoNothing",
    "SavedAction",
    "SendNotification",
    "SendPromptToAria",
    "SendWebhook",
    "as_saved_action",
]

_MAX_PROMPT_BYTES = 4000


class ActionType(Choice):
    """The kind of an action. Some kinds can be read but not asked for."""

    NO_OP = "NO_OP"
    QUEUE_JOB = "QUEUE_JOB"
    GENERIC_WEBHOOK = "GENERIC_WEBHOOK"
    NOTIFICATION = "NOTIFICATION"
    ARIA = "ARIA"
    PUSH_NOTIFICATION = "PUSH_NOTIFICATION"


class AlertSeverity(Choice):
    """How loud a notification is."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


def _or_empty(text: Any) -> Any:
    return "" if text is None else text


def _checked_prompt(prompt: str) -> str:
    prompt = prompt.strip()
    if not prompt:
        raise InputError("A prompt for ARIA must say something.")
    if len(prompt.encode()) > _MAX_PROMPT_BYTES:
        raise InputError(f"A prompt for ARIA has at most {_MAX_PROMPT_BYTES:,} bytes.")
    return prompt


class Action(Model):
    """An action that an automation is to take."""

    action_type: ClassVar[ActionType]
    config_key: ClassVar[str]

    def config(self) -> dict[str, Any]:
        """Write the action as it is sent."""
        fields = self.model_dump(mode="json", exclude_none=True)
        return {self.config_key: fields}


class SendNotification(Action):
    """Posts to a Slack channel.

    Args:
        integration_id: The id of the channel's integration.
        title: The title.
        message: The text; `text` is another name for it.
        severity: `INFO`, `WARN` or `ERROR`; `level` is another name for it.

    Example:
        >>> slack = next(api.slack_integrations(entity="team"))
        >>> SendNotification.from_integration(slack, title="Diverged")
    """

    action_type = ActionType.NOTIFICATION
    config_key = "notificationActionInput"

    integration_id: StrictStr = Field(serialization_alias="integrationID")
    title: Annotated[str, BeforeValidator(_or_empty)] = ""
    message: Annotated[str, BeforeValidator(_or_empty)] = Field(
        default="", validation_alias=AliasChoices("message", "text")
    )
    severity: Annotated[
        AlertSeverity, BeforeValidator(lambda level: AlertSeverity.INFO if level is None else level)
    ] = Field(default=AlertSeverity.INFO, validation_alias=AliasChoices("severity", "level"))

    @classmethod
    def from_integration(
        cls,
        integration: SlackIntegration,
        *,
        title: str = "",
        text: str = "",
        level: AlertSeverity | str = AlertSeverity.INFO,
    ) -> SendNotification:
        """Post to the channel of an integration.

        Args:
            integration: One of `api.slack_integrations()`.
            title: The title.
            text: The text.
            level: `INFO`, `WARN` or `ERROR`.

        Returns:
            The action.

        Raises:
            InputError: The integration is none of Slack's.
        """
        if not isinstance(integration, SlackIntegration):
            raise InputError(f"A notification goes to a Slack integration, not {integration!r}.")
        fields = {"title": title, "text": text, "level": level}
        return cls(integration_id=integration.id, **fields)


class SendWebhook(Action):
    """Sends a request to a webhook.

    Args:
        integration_id: The id of the webhook's integration.
        request_payload: The body of the request, in which `${…}` stands for what happened.

    Example:
        >>> webhook = next(api.webhook_integrations(entity="team"))
        >>> SendWebhook.from_integration(webhook, payload={"run": "${run_name}"})
    """

    action_type = ActionType.GENERIC_WEBHOOK
    config_key = "genericWebhookActionInput"

    integration_id: StrictStr = Field(serialization_alias="integrationID")
    request_payload: Encoded[dict[str, Any]] | None = Field(
        default=None, serialization_alias="requestPayload"
    )

    @classmethod
    def from_integration(
        cls, integration: WebhookIntegration, *, payload: dict[str, Any] | str | None = None
    ) -> SendWebhook:
        """Send a request to the webhook of an integration.

        Args:
            integration: One of `api.webhook_integrations()`.
            payload: The body of the request, an object or its JSON text.

        Returns:
            The action.

        Raises:
            InputError: The integration is no webhook.
        """
        if not isinstance(integration, WebhookIntegration):
            raise InputError(f"A request goes to a webhook integration, not {integration!r}.")
        return cls(integration_id=integration.id, request_payload=payload)


class DoNothing(Action, frozen=True):
    """Does nothing, on purpose: for automations that are only looked at."""

    action_type = ActionType.NO_OP
    config_key = "noOpActionInput"

    no_op: Annotated[bool, BeforeValidator(lambda value: value is None or value)] = Field(
        default=True, serialization_alias="noOp"
    )


class SendPromptToAria(Action):
    """Asks ARIA, W&B's assistant.

    Args:
        prompt: What it is asked: 1 to 4,000 bytes.
    """

    action_type = ActionType.ARIA
    config_key = "ariaActionInput"

    prompt: Annotated[str, AfterValidator(_checked_prompt)]


class _SavedIntegration(Model, extra="ignore", frozen=True):
    """What an action needs to know of the integration it uses."""

    id: StrictStr


class SavedAction(Model):
    """The action of a saved automation; `action_type` tells which fields it has."""

    model_config = ConfigDict(alias_generator=to_camel)

    action_type: ClassVar[ActionType]

    def config(self) -> dict[str, Any]:
        """Write the action as it is sent."""
        raise InputError(f"An automation with the action {self.action_type!r} can only be read.")


class _SavedNotification(SavedAction):
    action_type = ActionType.NOTIFICATION

    integration: _SavedIntegration
    title: str | None = None
    message: str | None = None
    severity: AlertSeverity | None = None

    def config(self) -> dict[str, Any]:
        fields = {"title": self.title, "message": self.message, "severity": self.severity}
        return SendNotification.model_validate(
            {"integration_id": self.integration.id, **fields}
        ).config()


class _SavedWebhook(SavedAction):
    action_type = ActionType.GENERIC_WEBHOOK

    integration: _SavedIntegration
    request_payload: Encoded[dict[str, Any]] | None = None

    def config(self) -> dict[str, Any]:
        return SendWebhook(
            integration_id=self.integration.id, request_payload=self.request_payload
        ).config()


class _SavedNoOp(SavedAction):
    action_type = ActionType.NO_OP

    no_op: Annotated[bool, BeforeValidator(lambda value: value is None or value)] = True

    def config(self) -> dict[str, Any]:
        return DoNothing(no_op=self.no_op).config()


class _SavedAria(SavedAction):
    action_type = ActionType.ARIA

    prompt: str

    def config(self) -> dict[str, Any]:
        return SendPromptToAria(prompt=self.prompt).config()


class _Queue(Model):
    id: StrictStr
    name: str


class _SavedQueueJob(SavedAction):
    action_type = ActionType.QUEUE_JOB

    queue: _Queue | None = None
    template: str


class _SavedPushNotification(SavedAction):
    action_type = ActionType.PUSH_NOTIFICATION

    title: str | None = None
    body: str | None = None


_SAVED: dict[str, type[SavedAction]] = {
    "NotificationTriggeredAction": _SavedNotification,
    "GenericWebhookTriggeredAction": _SavedWebhook,
    "NoOpTriggeredAction": _SavedNoOp,
    "ARIATriggeredAction": _SavedAria,
    "QueueJobTriggeredAction": _SavedQueueJob,
    "PushNotificationTriggeredAction": _SavedPushNotification,
}


def as_saved_action(value: Any) -> Any:
    """Take an object of an answer as the action that it is."""
    if not isinstance(value, Mapping):
        return value
    kind = _SAVED.get(value.get("__typename", ""))
    return kind.model_validate(without_typename(value)) if kind else value
