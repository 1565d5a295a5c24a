"""The SQL that appends, reads and leases. Text alone: it must not be put together from values."""

from __future__ import annotations

from typing import Final

# Raises the sequence under the epoch (and so locks the row until the commit), marks the group, and writes all rows of
# one kind of change each. No row comes back when the epoch is stale. The update leaves names and parents alone: a
# renamed entity is not counted, and its transaction goes one by one, in order. Each column costs as much time in the
# client as its rows cost in the server, so that nothing is sent which can be found out there.
append_bulk: Final = """
WITH head AS (
    UPDATE epochs SET sequence = sequence + $4
    WHERE stream = $1 AND stream_id = $2 AND epoch = $3
    RETURNING sequence - $4 AS before, sequence
), marker AS (
    INSERT INTO groups (stream, epoch, number, first_sequence) SELECT $1, $3, $5, before + 1 FROM head
    ON CONFLICT (stream, epoch) DO UPDATE
    SET number = excluded.number, first_sequence = excluded.first_sequence, rejections = ''
), created AS (
    INSERT INTO entities (kind, id, version, name, parent, state, document, stream_id, sequence)
    SELECT row.kind, row.id, row.version, row.name, row.parent, row.state, row.document, $2, head.sequence
    FROM head, unnest($6::text[], $7::text[], $8::bigint[], $9::text[], $10::text[], $11::bytea[], $12::bytea[])
               AS row(kind, id, version, name, parent, state, document)
), changed AS (
    UPDATE entities
    SET version = row.version, state = row.state, document = row.document, stream_id = $2, sequence = head.sequence
    FROM head, unnest($13::text[], $14::text[], $15::bigint[], $16::text[], $17::text[], $18::bytea[], $19::bytea[],
                      $20::bigint[])
               AS row(kind, id, version, name, parent, state, document, expected)
    WHERE entities.kind = row.kind AND entities.id = row.id AND entities.version = row.expected
      AND entities.name IS NOT DISTINCT FROM row.name AND entities.parent IS NOT DISTINCT FROM row.parent
    RETURNING 1
), appended AS (
    INSERT INTO journal
        (stream_id, sequence, epoch, kind, id, version, tag, event, document, correlation_id, at, removed)
    SELECT $2, before + row.place, $3, row.kind, row.id, row.version, row.tag, row.event, row.document,
           row.correlation_id, row.at, row.place = ANY($29::bigint[])
    FROM head, unnest($21::text[], $22::text[], $23::bigint[], $24::text[], $25::bytea[], $26::bytea[],
                      $27::text[], $28::timestamptz[])
               WITH ORDINALITY AS row(kind, id, version, tag, event, document, correlation_id, at, place)
), answered AS (
    INSERT INTO commands (command_id, reply)
    SELECT row.command_id, row.reply FROM head, unnest($30::text[], $31::bytea[]) AS row(command_id, reply)
)
SELECT before, (SELECT count(*) FROM changed) AS changed FROM head
"""

remove_bulk: Final = """
DELETE FROM entities USING unnest($1::text[], $2::text[], $3::bigint[]) AS row(kind, id, expected)
WHERE entities.kind = row.kind AND entities.id = row.id AND entities.version = row.expected
"""

# One by one: what a group falls back to.
lock_head: Final = "SELECT epoch, sequence FROM epochs WHERE stream = $1 AND stream_id = $2 FOR NO KEY UPDATE"
is_answered: Final = "SELECT true FROM commands WHERE command_id = $1"
create_one: Final = """
INSERT INTO entities (kind, id, version, name, parent, state, document, stream_id, sequence)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (kind, id) DO NOTHING
"""
change_one: Final = """
UPDATE entities
SET version = $3, name = $4, parent = $5, state = $6, document = $7, stream_id = $8, sequence = $9
WHERE kind = $1 AND id = $2 AND version = $10
"""
# Within one transaction an assignment may come before its sides, and go after them.
check_sides_later: Final = "SET CONSTRAINTS entities_with_sides, entities_not_missed DEFERRED"
check_sides: Final = "SET CONSTRAINTS entities_with_sides, entities_not_missed IMMEDIATE"
remove_one: Final = "DELETE FROM entities WHERE kind = $1 AND id = $2 AND version = $3"
mark_group: Final = """
INSERT INTO groups (stream, epoch, number, first_sequence, rejections) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (stream, epoch) DO UPDATE
SET number = excluded.number, first_sequence = excluded.first_sequence, rejections = excluded.rejections
"""

# A lost connection's transaction holds the lock on the head until it is decided; only then is the marker the truth.
wait_for_head: Final = "SELECT stream_id FROM epochs WHERE stream = $1 FOR NO KEY UPDATE"
find_group: Final = "SELECT first_sequence, rejections FROM groups WHERE stream = $1 AND epoch = $2 AND number = $3"

# Lease and epoch
identity: Final = """
SELECT system_identifier::text || '.' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) FROM pg_control_system()
"""
create_stream: Final = """
INSERT INTO epochs (stream, stream_id, database_identity) VALUES ($1, gen_random_uuid()::text, $2)
ON CONFLICT (stream) DO NOTHING
"""
renew_stream: Final = """
UPDATE epochs SET stream_id = gen_random_uuid()::text, oldest_sequence = sequence + 1, database_identity = $2
WHERE stream = $1 AND database_identity <> $2
"""
stream_id: Final = "SELECT stream_id FROM epochs WHERE stream = $1"
acquire_lease: Final = """
INSERT INTO lease (stream, holder, epoch, expires_at)
VALUES ($1, $2, 0, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (stream) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE lease.holder = excluded.holder OR lease.expires_at <= clock_timestamp()
"""
# Stronger than an append's lock, so that samples and pruning, which share the row with appends, are fenced as well.
lock_epoch: Final = "SELECT true FROM epochs WHERE stream = $1 FOR UPDATE"
raise_epoch: Final = """
UPDATE epochs SET epoch = greatest(epoch, $2::bigint) + 1 WHERE stream = $1 RETURNING epoch, stream_id
"""
stamp_lease: Final = "UPDATE lease SET epoch = $2 WHERE stream = $1"
renew_lease: Final = """
UPDATE lease SET expires_at = clock_timestamp() + make_interval(secs => $4)
WHERE stream = $1 AND holder = $2 AND epoch = $3
"""
release_lease: Final = "DELETE FROM lease WHERE stream = $1 AND holder = $2 AND epoch = $3"

# Reading
_row: Final = "stream_id, sequence, epoch, kind, id, version, tag, event, document, correlation_id, at, removed"
_entity: Final = "kind, id, version, name, parent, state, document"
head: Final = "SELECT stream_id, sequence, oldest_sequence FROM epochs WHERE stream = $1"
snapshot: Final = f"SELECT {_entity} FROM entities WHERE $1::text[] IS NULL OR kind = ANY($1) ORDER BY kind, id"
read: Final = f"""
SELECT {_row} FROM journal
WHERE stream_id = (SELECT stream_id FROM epochs WHERE stream = $1) AND sequence > $2 ORDER BY sequence LIMIT $3
"""
last_events: Final = f"SELECT {_row} FROM journal WHERE kind = $1 ORDER BY sequence DESC LIMIT $2"
command_outcome: Final = "SELECT reply FROM commands WHERE command_id = $1"

# Samples and age
check_epoch: Final = "SELECT epoch FROM epochs WHERE stream = $1 AND stream_id = $2 FOR KEY SHARE"
store_samples: Final = """
INSERT INTO samples (kind, id, at, data) SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bytea[])
"""
# Some at a time: what a month without an engine left would outlast a statement's time limit, for ever.
prune_commands: Final = """
DELETE FROM commands WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM commands WHERE at < transaction_timestamp() - make_interval(secs => $1) LIMIT $2))
"""
prune_samples: Final = """
DELETE FROM samples WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM samples WHERE stored_at < transaction_timestamp() - make_interval(secs => $1) LIMIT $2))
"""

# Schema
lock_migrations: Final = "SELECT pg_advisory_xact_lock(hashtext('corral schema_migrations'))"
create_migrations: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations
    (number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT transaction_timestamp())
"""
applied_migrations: Final = "SELECT number FROM schema_migrations"
note_migration: Final = "INSERT INTO schema_migrations (number, name) VALUES ($1, $2)"
