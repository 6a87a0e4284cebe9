CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 0001

CREATE TABLE entry (
    seq BIGSERIAL NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    ref TEXT COLLATE "C" NOT NULL,
    decision_id TEXT COLLATE "C" NOT NULL,
    at_us BIGINT NOT NULL,
    leaf BYTEA NOT NULL,
    salt BYTEA,
    body BYTEA,
    PRIMARY KEY (seq),
    CONSTRAINT entry_kind_ref UNIQUE (kind, ref)
);

CREATE INDEX entry_decision ON entry (decision_id) WHERE decision_id != '';

CREATE TABLE pending (
    seq BIGINT NOT NULL,
    PRIMARY KEY (seq)
);

CREATE TABLE document (
    digest BYTEA NOT NULL,
    kind TEXT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (digest)
);

CREATE TABLE request (
    tenant TEXT COLLATE "C" NOT NULL,
    presenter TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    decision_id TEXT COLLATE "C" NOT NULL,
    expires_us BIGINT NOT NULL,
    PRIMARY KEY (tenant, presenter, request_id)
);

CREATE INDEX request_expires ON request (expires_us);

CREATE TABLE leaf (
    idx BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (idx),
    UNIQUE (seq)
);

CREATE TABLE tile (
    level INTEGER NOT NULL,
    idx BIGINT NOT NULL,
    hashes BYTEA NOT NULL,
    PRIMARY KEY (level, idx)
);

CREATE TABLE checkpoint (
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    at_us BIGINT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (size)
);

CREATE TABLE reservation (
    decision_id TEXT COLLATE "C" NOT NULL,
    state TEXT NOT NULL,
    expires_us BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (decision_id)
);

CREATE INDEX reservation_open ON reservation (expires_us) WHERE state = 'open';

CREATE TABLE balance (
    account TEXT COLLATE "C" NOT NULL,
    window_start BIGINT NOT NULL,
    spent BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    PRIMARY KEY (account, window_start)
);

CREATE TABLE setting (
    name TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE snapshot_version (
    version BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    at_us BIGINT NOT NULL,
    PRIMARY KEY (version),
    UNIQUE (digest)
);

CREATE TABLE worker_view (
    worker TEXT COLLATE "C" NOT NULL,
    at_us BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (worker)
);

INSERT INTO alembic_version (version_num) VALUES ('0001') RETURNING alembic_version.version_num;

-- Running upgrade 0001 -> 0002

CREATE TABLE decision_row (
    decision_id TEXT COLLATE "C" NOT NULL,
    at_us BIGINT NOT NULL,
    known INTEGER NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    workload TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    feature TEXT COLLATE "C" NOT NULL,
    policy TEXT COLLATE "C" NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    deployment TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    result TEXT COLLATE "C" NOT NULL,
    cost_nanousd BIGINT NOT NULL,
    unit BIGINT,
    state TEXT NOT NULL,
    PRIMARY KEY (decision_id)
);

CREATE INDEX decision_row_at ON decision_row (at_us, decision_id);

CREATE INDEX decision_row_tenant ON decision_row (tenant, at_us, decision_id);

CREATE INDEX decision_row_unit ON decision_row (unit, at_us);

CREATE TABLE segment (
    id BIGINT NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    workload TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    feature TEXT COLLATE "C" NOT NULL,
    task_type TEXT COLLATE "C" NOT NULL,
    complexity TEXT COLLATE "C" NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    deployment TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE rollup (
    width INTEGER NOT NULL,
    begins BIGINT NOT NULL,
    segment BIGINT NOT NULL,
    decided BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    executed BIGINT NOT NULL,
    succeeded BIGINT NOT NULL,
    successful BIGINT NOT NULL,
    fallbacks BIGINT NOT NULL,
    escalations BIGINT NOT NULL,
    low_confidence BIGINT NOT NULL,
    confidence_ppm BIGINT NOT NULL,
    adopted BIGINT NOT NULL,
    cost_nanousd BIGINT NOT NULL,
    estimated_nanousd BIGINT NOT NULL,
    compared_nanousd BIGINT NOT NULL,
    baseline_nanousd BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    quality_count BIGINT NOT NULL,
    quality_ppm BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    failed_calls BIGINT NOT NULL,
    latency_count BIGINT NOT NULL,
    latency_us BIGINT NOT NULL,
    first_token_count BIGINT NOT NULL,
    first_token_us BIGINT NOT NULL,
    PRIMARY KEY (width, begins, segment)
);

CREATE TABLE tally (
    width INTEGER NOT NULL,
    begins BIGINT NOT NULL,
    segment BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (width, begins, segment, name)
);

CREATE TABLE sketch (
    width INTEGER NOT NULL,
    begins BIGINT NOT NULL,
    segment BIGINT NOT NULL,
    latency BYTEA NOT NULL,
    first_token BYTEA,
    PRIMARY KEY (width, begins, segment)
);

CREATE TABLE fold_cursor (
    generation BIGINT NOT NULL,
    next_index BIGINT NOT NULL,
    PRIMARY KEY (generation)
);

CREATE TABLE document_use (
    digest BYTEA NOT NULL,
    last_us BIGINT NOT NULL,
    PRIMARY KEY (digest)
);

CREATE TABLE dropped (
    kind TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (kind)
);

UPDATE alembic_version SET version_num='0002' WHERE alembic_version.version_num = '0001';

-- Running upgrade 0002 -> 0003

ALTER TABLE rollup ADD COLUMN confidence_square_ppm BIGINT DEFAULT '0' NOT NULL;

ALTER TABLE rollup ADD COLUMN quality_square_ppm BIGINT DEFAULT '0' NOT NULL;

UPDATE rollup SET confidence_square_ppm = confidence_ppm, quality_square_ppm = quality_ppm;

CREATE TABLE drift_alarm (
    tenant TEXT COLLATE "C" NOT NULL,
    workload TEXT COLLATE "C" NOT NULL,
    task_type TEXT COLLATE "C" NOT NULL,
    measure TEXT COLLATE "C" NOT NULL,
    since_us BIGINT NOT NULL,
    PRIMARY KEY (tenant, workload, task_type, measure)
);

UPDATE alembic_version SET version_num='0003' WHERE alembic_version.version_num = '0002';
