"""Opens automations and integrations; creates custom charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from wbexport.api.automations.listings import (
    Integrations,
    SlackIntegrations,
    WebhookIntegrations,
    list_automations,
)
from wbexport.api.automations.saving import (
    create_automation,
    delete_automation,
    find_automation,
    update_automation,
)
from wbexport.api.charts import create_custom_chart
from wbexport.api.door import Door

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wbexport.api.automations.automation import Automation, NewAutomation
    from wbexport.api.automations.integrations import (
        Integration,
        SlackIntegration,
        WebhookIntegration,
    )

__all__ = ["OpensAutomations"]


class OpensAutomations(Door):
    """Automations, the integrations they use, and custom charts."""

    def automation(self, name: str, *, entity: str | None = None) -> Automation:
        """Return the only automation of a name.

        Args:
            name: Its name.
            entity: Its entity; by default all projects that the key may see are searched.

        Returns:
            The automation.

        Raises:
            NotFoundError: There is none.
            ConflictError: There are several.
        """
        return find_automation(self.client, name, entity)

    def automations(
        self,
        entity: str | None = None,
        *,
        name: str | None = None,
        per_page: int = 50,
        start: str | None = None,
    ) -> Iterator[Automation]:
        """Return the automations of an entity, or all that the key may see.

        Args:
            entity: The entity.
            name: Only those of this name.
            per_page: Automations per request.
            start: The `cursor` of another listing, to go on from there.

        Returns:
            A lazy listing.
        """
        return list_automations(self.client, entity, name, per_page=per_page, start=start)

    def create_automation(
        self, obj: NewAutomation, *, fetch_existing: bool = False, **kwargs: Any
    ) -> Automation:
        """Create an automation.

        Args:
            obj: The automation, such as `event >> action`.
            fetch_existing: Return the automation of that name when there is one.
            **kwargs: `name`, `description`, `enabled`, `scope`, `event` or `action`, in place of
                what `obj` says.

        Returns:
            The automation as saved.

        Raises:
            InputError: A part of it is missing, wrong or unknown.
            UnsupportedError: The server does not know this kind of scope, event or action.
            ConflictError: There is one of that name in the scope.

        Example:
            >>> from wbexport.automations import OnRunMetric, RunEvent, SendNotification
            >>> slack = next(api.slack_integrations(entity="team"))
            >>> event = OnRunMetric(scope=project, filter=RunEvent.metric("loss") > 10)
            >>> action = SendNotification.from_integration(slack, title="Diverged")
            >>> api.create_automation(event >> action, name="alert on divergence")
        """
        return create_automation(self.client, obj, kwargs, fetch_existing=fetch_existing)

    def update_automation(
        self, obj: Automation, *, create_missing: bool = False, **kwargs: Any
    ) -> Automation:
        """Save what was changed in an automation.

        Args:
            obj: The automation.
            create_missing: Create it again when it is gone.
            **kwargs: `name`, `description`, `enabled`, `scope`, `event` or `action`, in place of
                what `obj` says. An event brings its own scope along.

        Returns:
            The automation as saved.

        Raises:
            InputError: A part of it is wrong or unknown, or may only be read.
            UnsupportedError: The server does not know this kind of scope, event or action.
            NotFoundError: It is gone.
        """
        return update_automation(self.client, obj, kwargs, create_missing=create_missing)

    def delete_automation(self, obj: Automation | str) -> Literal[True]:
        """Delete an automation.

        Args:
            obj: The automation, or its id.

        Returns:
            True.

        Raises:
            NotFoundError: There is none with this id.
        """
        return delete_automation(self.client, obj)

    def integrations(
        self, entity: str | None = None, *, per_page: int = 50, start: str | None = None
    ) -> Iterator[Integration]:
        """Return the Slack channels and webhooks of an entity.

        Args:
            entity: The entity; by default that of the settings or of the key.
            per_page: Integrations per request.
            start: The `cursor` of another listing, to go on from there.

        Returns:
            A lazy listing.

        Raises:
            InputError: No entity is given or known.
            NotFoundError: There is no such entity.
        """
        return Integrations(self.client, self._require_entity(entity), per_page, start=start)

    def slack_integrations(
        self, *, entity: str | None = None, per_page: int = 50, start: str | None = None
    ) -> Iterator[SlackIntegration]:
        """Return the Slack channels of an entity; see `integrations`."""
        return SlackIntegrations(self.client, self._require_entity(entity), per_page, start=start)

    def webhook_integrations(
        self, entity: str | None = None, *, per_page: int = 50, start: str | None = None
    ) -> Iterator[WebhookIntegration]:
        """Return the webhooks of an entity; see `integrations`."""
        return WebhookIntegrations(self.client, self._require_entity(entity), per_page, start=start)

    def create_custom_chart(
        self,
        entity: str,
        name: str,
        display_name: str,
        spec_type: Literal["vega2"],
        access: Literal["private", "public"],
        spec: str | dict[str, Any],
    ) -> str:
        """Create a preset that runs can draw their tables with.

        Args:
            entity: Who owns it.
            name: Its name, once in the entity.
            display_name: Its title.
            spec_type: `vega2`.
            access: Who may use it: `private` (the entity) or `public`.
            spec: What it draws, in Vega or Vega-Lite, or the JSON text of that.

        Returns:
            Its id, `entity/name`.

        Raises:
            InputError: An argument cannot be right.
            UnsupportedError: The server has no custom charts.
            GraphQLError: The server refused it.
        """
        names = {"entity": entity, "name": name, "displayName": display_name}
        return create_custom_chart(
            self.client, spec_type=spec_type, access=access, spec=spec, **names
        )
