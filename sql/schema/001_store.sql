-- Creates every table of the store, in the schema `stored`; the views that people query are in `main`.
-- One statement per table. Names and metric keys are data, never identifiers; all times are UTC.

create schema stored;

-- What the file says of itself: format, writer version, last publication.
create table stored.meta (
    key varchar not null,
    value varchar
);

-- One row per project. `origin` is the server (scheme://host[:port]) it came from.
create table stored.projects (
    project_no integer not null,
    origin varchar not null,
    storage_id varchar not null,
    internal_id varchar,
    entity varchar not null,
    project varchar not null,
    description varchar,
    access varchar,
    created_at timestamp,
    attributes json,
    -- what was brought over besides runs: artifacts, sweeps, reports; null where it was logged here
    parts varchar[]
);

-- One row per run: what the server says of it, then what this store knows of it.
create table stored.runs (
    run_no integer not null,
    project_no integer not null,
    storage_id varchar not null,
    run_id varchar not null,
    display_name varchar,
    state varchar,
    group_name varchar,
    job_type varchar,
    sweep_id varchar,
    tags varchar[],
    notes varchar,
    description varchar,
    git_commit varchar,
    host varchar,
    program varchar,
    read_only boolean,
    username varchar,
    user_name varchar,
    created_at timestamp,
    heartbeat_at timestamp,
    updated_at timestamp,
    duration double,
    exit_code integer,
    stop_requested boolean,
    config json,
    wandb_config json,
    summary json,
    system_metrics json,
    history_keys json,
    history_line_count bigint,
    events_line_count bigint,
    log_line_count bigint,
    last_step bigint,
    -- ledger
    generation integer not null,
    status varchar not null,
    -- what was brought over of it: history, system, files, console; null where it was logged here
    streams varchar[],
    fingerprint varchar,
    stored_rows bigint not null,
    stored_last_step bigint,
    synced_at timestamp,
    sync_no integer,
    -- since when the server has it no more; it is kept
    missing_since timestamp
);

-- One row per metric key and stream ('history' or 'system').
create table stored.keys (
    key_no integer not null,
    key varchar not null,
    stream varchar not null
);

-- One row per logged value, inserted in (run, key, step) order.
-- `text` is the JSON literal of everything that is not exactly a double.
create table stored.history (
    run_no integer not null,
    key_no integer not null,
    step bigint not null,
    value double,
    text varchar
);

-- One row per machine-metrics value; `step` is the row number in the stream.
create table stored.system (
    run_no integer not null,
    key_no integer not null,
    step bigint not null,
    value double,
    text varchar
);

-- One row per run and key: what is stored of it. `last` is the JSON literal of the last value;
-- `kind` follows from the counts (ints to lists) of values by JSON type; `bigs` are
-- integers that no double holds.
create table stored.run_keys (
    run_no integer not null,
    key_no integer not null,
    kind varchar not null,
    rows bigint not null,
    first_step bigint not null,
    last_step bigint not null,
    min double,
    max double,
    last varchar,
    ints bigint not null,
    floats bigint not null,
    bigs bigint not null,
    strings bigint not null,
    bools bigint not null,
    nulls bigint not null,
    maps bigint not null,
    lists bigint not null
);

-- One row per run file. `blob` is the sha256 of its bytes once they are stored.
create table stored.files (
    run_no integer not null,
    name varchar not null,
    storage_id varchar,
    size bigint,
    md5 varchar,
    mimetype varchar,
    updated_at timestamp,
    uploaded boolean not null,
    blob varchar
);

-- One row per console line.
create table stored.console_lines (
    run_no integer not null,
    number bigint not null,
    logged_at timestamp,
    level varchar,
    line varchar
);

-- One row per run that could not be brought over, with the reason.
create table stored.quarantine (
    project_no integer not null,
    storage_id varchar not null,
    run_id varchar,
    reason varchar not null,
    attempts integer not null,
    last_attempt_at timestamp not null
);

-- One row per sync.
create table stored.syncs (
    sync_no integer not null,
    project_no integer not null,
    started_at timestamp not null,
    finished_at timestamp,
    status varchar not null,
    runs_seen integer,
    runs_fetched integer,
    rows_fetched bigint,
    requests integer,
    bytes_received bigint,
    message varchar
);

-- Whether a number reads as an integer: whole, below 2^53, and not -0.0.
create macro stored.is_whole(value) as
    value = trunc(value) and abs(value) < 9007199254740992 and not (value = 0 and signbit(value));

-- The JSON literal of a logged value.
create macro stored.literal_of(value, text) as
    case
        when text is not null then text
        when isnan(value) then 'NaN'
        when isinf(value) then case when value > 0 then 'Infinity' else '-Infinity' end
        when stored.is_whole(value) then cast(cast(value as bigint) as varchar)
        else cast(value as varchar)
    end;

-- The one kind that holds every value of a key, from how many values there are of each JSON type.
create macro stored.kind_of(ints, floats, bigs, strings, bools, maps, lists) as
    case
        when bigs > 0 then 'mixed'
        when (ints + floats > 0)::int + (strings > 0)::int + (bools > 0)::int + (maps + lists > 0)::int > 1
            then 'mixed'
        when floats > 0 then 'float'
        when ints > 0 then 'int'
        when strings > 0 then 'string'
        when bools > 0 then 'bool'
        when maps + lists > 0 then 'json'
        else 'null'
    end;
