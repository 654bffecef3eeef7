"""What automations are made of: `event >> action` is a new one for `Api.create_automation`."""

from wbexport.api.automations.actions import (
    ActionType,
    DoNothing,
    SendNotification,
    SendPromptToAria,
    SendWebhook,
)
from wbexport.api.automations.automation import Automation, EventType, NewAutomation
from wbexport.api.automations.events import (
    ArtifactEvent,
    OnAddArtifactAlias,
    OnAddArtifactTag,
    OnAddCollectionTag,
    OnCreateArtifact,
    OnLinkArtifact,
    OnRemoveArtifactTag,
    OnRemoveCollectionTag,
    OnRunMetric,
    OnRunState,
    OnUnlinkArtifact,
    RunEvent,
)
from wbexport.api.automations.integrations import (
    Integration,
    SlackIntegration,
    WebhookIntegration,
)
from wbexport.api.automations.metrics import (
    MetricChangeFilter,
    MetricThresholdFilter,
    MetricZScoreFilter,
)
from wbexport.api.automations.scopes import (
    ArtifactCollectionScope,
    EntityScope,
    OrgScope,
    ProjectScope,
    RegistryScope,
    ScopeType,
    TeamScope,
)
from wbexport.api.automations.states import RunStateFilter

__all__ = [
    "ActionType",
    "ArtifactCollectionScope",
    "ArtifactEvent",
    "Automation",
    "DoNothing",
    "EntityScope",
    "EventType",
    "Integration",
    "MetricChangeFilter",
    "MetricThresholdFilter",
    "MetricZScoreFilter",
    "NewAutomation",
    "OnAddArtifactAlias",
    "OnAddArtifactTag",
    "OnAddCollectionTag",
    "OnCreateArtifact",
    "OnLinkArtifact",
    "OnRemoveArtifactTag",
    "OnRemoveCollectionTag",
    "OnRunMetric",
    "OnRunState",
    "OnUnlinkArtifact",
    "OrgScope",
    "ProjectScope",
    "RegistryScope",
    "RunEvent",
    "RunStateFilter",
    "ScopeType",
    "SendNotification",
    "SendPromptToAria",
    "SendWebhook",
    "SlackIntegration",
    "TeamScope",
    "WebhookIntegration",
]
