-- Creates the tables of artifacts: collections, versions, who is in which collection, files, lineage.
-- One statement per table. A link is a membership of a version in another collection.

-- One row per artifact type of a project.
create table stored.artifact_types (
    project_no integer not null,
    storage_id varchar not null,
    name varchar not null,
    description varchar,
    created_at timestamp
);

-- One row per collection; `kind` is 'SEQUENCE' (versions logged here) or 'PORTFOLIO' (links).
create table stored.artifact_collections (
    collection_no integer not null,
    project_no integer not null,
    storage_id varchar not null,
    kind varchar not null,
    type varchar not null,
    name varchar not null,
    description varchar,
    tags varchar[],
    -- the name by which a client spoke of it before it was there
    client_id varchar,
    -- the highest index that a version was given; none is given twice
    last_index integer,
    created_at timestamp,
    updated_at timestamp
);

-- One row per version, in the sequence it was logged to. Deleted versions keep their row, without
-- files. `manifest` is the sha256 of its manifest.
create table stored.artifacts (
    artifact_no integer not null,
    collection_no integer not null,
    storage_id varchar not null,
    version_index integer,
    -- PENDING, COMMITTED or DELETED
    state varchar not null,
    digest varchar not null,
    digest_algorithm varchar,
    description varchar,
    metadata json,
    tags varchar[],
    ttl_seconds bigint,
    size bigint,
    file_count bigint,
    history_step bigint,
    commit_hash varchar,
    -- who logged it: the storage id of a run, or a user's name
    run_storage_id varchar,
    username varchar,
    manifest varchar,
    -- the names by which clients spoke of it before it was there
    client_ids varchar[],
    -- what the processes that fill one version together call it
    distributed_id varchar,
    -- what it shall be called once it is committed
    wanted_aliases varchar[],
    created_at timestamp,
    updated_at timestamp
);

-- One row per version in a collection, its own sequence included.
create table stored.artifact_members (
    collection_no integer not null,
    artifact_no integer not null,
    storage_id varchar not null,
    version_index integer not null,
    aliases varchar[],
    created_at timestamp
);

-- One row per manifest sent for a version that is not committed; `kind` is FULL, INCREMENTAL or
-- PATCH, `base` the storage id of the version that an incremental one adds to, `digest` the MD5
-- that was announced in base64, `blob` the sha256 of its bytes once they are stored.
create table stored.artifact_manifests (
    artifact_no integer not null,
    storage_id varchar not null,
    kind varchar not null,
    name varchar not null,
    digest varchar,
    base varchar,
    blob varchar
);

-- One row per file of a version. `ref` is the address of a reference; `blob` the sha256 of the
-- bytes once they are stored.
create table stored.artifact_files (
    artifact_no integer not null,
    path varchar not null,
    digest varchar not null,
    size bigint,
    ref varchar,
    birth_artifact varchar,
    extra json,
    blob varchar
);

-- One row per run and version that it used ('input') or logged ('output').
create table stored.run_artifacts (
    run_no integer not null,
    artifact_no integer not null,
    direction varchar not null,
    used_as varchar,
    created_at timestamp
);
