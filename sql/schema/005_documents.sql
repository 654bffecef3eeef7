-- Creates the table of what only the API reads: automations, integrations, queues, agents, charts.
-- One statement.

-- One row per object. `scope` names what it belongs to, such as an entity or another object.
create table stored.documents (
    kind varchar not null,
    storage_id varchar not null,
    scope varchar not null,
    name varchar,
    body json not null,
    created_at timestamp not null,
    updated_at timestamp not null
);
