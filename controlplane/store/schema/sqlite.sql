CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 0001

CREATE TABLE entry (
    seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    ref TEXT NOT NULL,
    decision_id TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    leaf BLOB NOT NULL,
    salt BLOB,
    body BLOB,
    CONSTRAINT entry_kind_ref UNIQUE (kind, ref)
);

CREATE INDEX entry_decision ON entry (decision_id) WHERE decision_id != '';

CREATE TABLE pending (
    seq INTEGER NOT NULL,
    PRIMARY KEY (seq)
);

CREATE TABLE document (
    digest BLOB NOT NULL,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (digest)
);

CREATE TABLE request (
    tenant TEXT NOT NULL,
    presenter TEXT NOT NULL,
    request_id TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    decision_id TEXT NOT NULL,
    expires_us BIGINT NOT NULL,
    PRIMARY KEY (tenant, presenter, request_id)
)
 WITHOUT ROWID;

CREATE INDEX request_expires ON request (expires_us);

CREATE TABLE leaf (
    idx INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (idx),
    UNIQUE (seq)
);

CREATE TABLE tile (
    level INTEGER NOT NULL,
    idx BIGINT NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, idx)
);

CREATE TABLE checkpoint (
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    at_us BIGINT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (size)
);

CREATE TABLE reservation (
    decision_id TEXT NOT NULL,
    state TEXT NOT NULL,
    expires_us BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (decision_id)
)
 WITHOUT ROWID;

CREATE INDEX reservation_open ON reservation (expires_us) WHERE state = 'open';

CREATE TABLE balance (
    account TEXT NOT NULL,
    window_start BIGINT NOT NULL,
    spent BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    PRIMARY KEY (account, window_start)
)
 WITHOUT ROWID;

CREATE TABLE setting (
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE snapshot_version (
    version INTEGER NOT NULL,
    digest BLOB NOT NULL,
    at_us BIGINT NOT NULL,
    PRIMARY KEY (version),
    UNIQUE (digest)
);

CREATE TABLE worker_view (
    worker TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (worker)
);

INSERT INTO alembic_version (version_num) VALUES ('0001') RETURNING version_num;
