"""Calls of automations, integrations and charts."""

from __future__ import annotations

__all__ = ["ATTRIBUTES", "ERRORS", "LISTINGS", "OBJECTS", "READS", "UNEVEN", "WRITES"]

OBJECTS = {"automation": "fresh().automation('new alias', entity='local')"}
ATTRIBUTES = {"Automation": ("automation", "id name description enabled created_at updated_at")}
LISTINGS = {"Automations": "fresh().automations('local')"}
READS: dict[str, tuple[str, ...]] = {
    "Api.automation": (
        "vars_of(api.automation('new alias', entity='local'), 'name description enabled')",
        "api.automation(name='low loss').event.event_type",
        "them = api.automation('low loss').action;"
        " [them.action_type, them.integration.id, them.request_payload]",
    ),
    "Api.automations": (
        "sorted(each.name for each in api.automations())",
        "sorted(each.name for each in api.automations('local', per_page=1))",
        "[each.name for each in api.automations(entity='local', name='low loss')]",
        "list(api.automations('lab'))",
    ),
    "Api.integrations": (
        "list(api.integrations('lab'))",
        "[vars_of(each, 'id name url_endpoint') for each in api.integrations(per_page=1)]",
    ),
    "Api.slack_integrations": (
        "list(api.slack_integrations())",
        "list(api.slack_integrations(entity='lab', per_page=1))",
    ),
    "Api.webhook_integrations": (
        "[each.name for each in api.webhook_integrations()]",
        "list(api.webhook_integrations('lab', per_page=1))",
    ),
}
UNEVEN: dict[str, tuple[str, str]] = {}
ERRORS: dict[str, tuple[str, ...]] = {
    "Api.create_custom_chart": (
        "api.create_custom_chart('local', 'bars', 'Bars', 'vega2', 'nobody', '{}')",
        "api.create_custom_chart('nobody', 'bars', 'Bars', 'vega2', 'private', '{}')",
    ),
    "Api.automation": ("api.automation('nothing', entity='local')",),
}
WRITES: dict[str, tuple[str, ...]] = {
    "Api.create_automation": (
        "event = new('OnAddArtifactAlias')(scope=api.artifact_collection('model',"
        " 'local/vision/net'), filter=new('ArtifactEvent').alias.eq('prod'));"
        " vars_of(api.create_automation(event >> new('DoNothing')(), name='made',"
        " description='words'), 'name description enabled')",
        "event = new('OnRunMetric')(scope=project, filter=new('RunEvent').metric('loss') < 1);"
        " api.create_automation(new('NewAutomation')(name='low loss', event=event,"
        " action=new('DoNothing')()), fetch_existing=True).name",
        "sorted(each.name for each in fresh().automations('local'))",
    ),
    "Api.update_automation": (
        "them = api.automation('low loss', entity='local');"
        " hook = next(api.webhook_integrations('local'));"
        " action = new('SendWebhook').from_integration(hook, payload={'a': 1});"
        " api.update_automation(them, action=action).action.request_payload",
        "them = api.automation('made', entity='local');"
        " vars_of(api.update_automation(them, enabled=False, description='changed'),"
        " 'name description enabled')",
        "fresh().automation('made', entity='local').enabled",
    ),
    "Api.delete_automation": (
        "api.delete_automation(api.automation('made', entity='local'))",
        "sorted(each.name for each in fresh().automations('local'))",
    ),
    "Api.create_custom_chart": (
        "api.create_custom_chart('local', 'bars', 'Bars', 'vega2', 'private', {'mark': 'bar'})",
        "api.create_custom_chart(entity='local', name='lines', display_name='Lines',"
        " spec_type='vega2', access='public', spec='{}')",
    ),
}
