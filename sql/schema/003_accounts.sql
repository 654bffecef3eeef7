-- Creates the tables of people: users, teams, organizations and their keys.
-- One statement per table. Of a key only its hash is kept.

-- One row per user; `is_service` marks an account that no person uses.
create table stored.users (
    storage_id varchar not null,
    username varchar not null,
    name varchar,
    email varchar,
    is_admin boolean not null,
    is_service boolean not null,
    created_at timestamp
);

-- One row per key. `hash` is its sha256 in hexadecimal.
create table stored.api_keys (
    storage_id varchar not null,
    username varchar not null,
    name varchar not null,
    hash varchar not null,
    description varchar,
    created_at timestamp
);

-- One row per owner of projects; `kind` is 'user', 'team' or 'organization'.
create table stored.entities (
    storage_id varchar not null,
    name varchar not null,
    kind varchar not null,
    organization varchar,
    created_at timestamp
);

-- One row per user in an entity, or invited by mail (then `username` is null).
-- `role` is 'admin', 'member' or 'viewer'.
create table stored.members (
    storage_id varchar not null,
    entity varchar not null,
    username varchar,
    email varchar,
    role varchar not null,
    pending boolean not null,
    created_at timestamp
);

-- One row per member of a registry: a user or a team (`kind` is 'user' or 'team') by name.
create table stored.project_members (
    project_no integer not null,
    kind varchar not null,
    member varchar not null,
    role varchar not null
);
