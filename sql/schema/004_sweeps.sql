-- Creates the tables of sweeps and reports.
-- One statement per table.

-- One row per sweep. `config` is YAML text, as W&B keeps it.
create table stored.sweeps (
    sweep_no integer not null,
    project_no integer not null,
    storage_id varchar not null,
    sweep_id varchar not null,
    display_name varchar,
    description varchar,
    method varchar,
    state varchar,
    config varchar,
    best_loss double,
    run_count bigint,
    run_count_expected bigint,
    controller json,
    scheduler json,
    created_at timestamp,
    updated_at timestamp,
    heartbeat_at timestamp
);

-- One row per report, or another saved view of a project.
create table stored.reports (
    project_no integer not null,
    storage_id varchar not null,
    name varchar not null,
    display_name varchar,
    description varchar,
    view_type varchar not null,
    spec json,
    username varchar,
    email varchar,
    photo_url varchar,
    created_at timestamp,
    updated_at timestamp
);
