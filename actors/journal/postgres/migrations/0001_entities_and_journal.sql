-- What stands, what happened, and who may write it.

-- One row per stream. It is locked by every append, which makes the sequence gapless and the epoch a fence.
-- Today there is one stream; an engine per data center will have one each.
CREATE TABLE epochs (
    stream text COLLATE "C" PRIMARY KEY,
    stream_id text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,
    sequence bigint NOT NULL DEFAULT 0,
    oldest_sequence bigint NOT NULL DEFAULT 1,
    -- Which database this is and on which timeline: after a restore or a failover the stream gets a new id.
    database_identity text NOT NULL DEFAULT ''
);

CREATE TABLE lease (
    stream text COLLATE "C" PRIMARY KEY REFERENCES epochs,
    holder text NOT NULL,
    epoch bigint NOT NULL,
    expires_at timestamptz NOT NULL
);

-- The last group of commits under each epoch: how a writer finds out whether a lost commit landed.
CREATE TABLE groups (
    stream text COLLATE "C" NOT NULL REFERENCES epochs,
    epoch bigint NOT NULL,
    number bigint NOT NULL,
    first_sequence bigint NOT NULL,
    rejections bytea NOT NULL DEFAULT '',
    PRIMARY KEY (stream, epoch)
);

-- Pages keep room for new versions of their rows, which spares the indexes.
CREATE TABLE entities (
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    name text COLLATE "C",
    parent text COLLATE "C",
    state bytea NOT NULL,
    document bytea,
    -- No event of the entity after this one is in the journal: what folding old events goes by.
    stream_id text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    -- By kind first: it is also the index on the kind.
    PRIMARY KEY (kind, id)
) WITH (fillfactor = 60);

CREATE UNIQUE INDEX entities_name ON entities (kind, parent, name) NULLS NOT DISTINCT WHERE name IS NOT NULL;

-- By sequence first, so that the audit log can be read backwards across streams.
CREATE TABLE journal (
    stream_id text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    epoch bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    tag text COLLATE "C" NOT NULL,
    event bytea NOT NULL,
    document bytea,
    correlation_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    removed boolean NOT NULL,
    PRIMARY KEY (sequence, stream_id)
);

CREATE INDEX journal_kind ON journal (kind, sequence);

CREATE TABLE commands (
    command_id text COLLATE "C" PRIMARY KEY,
    reply bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT transaction_timestamp()
);

CREATE INDEX commands_at ON commands USING brin (at);

-- "values" is a keyword; the rows are array-shaped msgpack.
CREATE TABLE samples (
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    data bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT transaction_timestamp()
);

CREATE INDEX samples_entity ON samples (kind, id, at);
CREATE INDEX samples_stored_at ON samples USING brin (stored_at);
