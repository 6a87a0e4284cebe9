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
