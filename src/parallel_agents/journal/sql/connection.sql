-- name: begin_write
BEGIN IMMEDIATE

-- name: begin_read
BEGIN

-- name: commit
COMMIT

-- name: rollback
ROLLBACK

-- name: savepoint
SAVEPOINT write

-- name: rollback_to_savepoint
ROLLBACK TO write

-- name: release_savepoint
RELEASE write

-- name: count_tables
SELECT count(*) FROM sqlite_schema
