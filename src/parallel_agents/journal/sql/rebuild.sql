-- What a rebuild of a damaged journal runs. `found` is where the rows that could be read are staged, without any rule.

-- name: columns_of
SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(:table) ORDER BY cid

-- name: has_row_ids
SELECT NOT wr FROM pragma_table_list WHERE schema = 'main' AND name = :table

-- name: stage
ATTACH :path AS found

-- name: stage_tables
CREATE TABLE found.executions AS SELECT * FROM main.executions WHERE 0;
CREATE TABLE found.files AS SELECT * FROM main.files WHERE 0;
CREATE TABLE found.tasks AS SELECT * FROM main.tasks WHERE 0;
CREATE TABLE found.inputs AS SELECT * FROM main.inputs WHERE 0;
CREATE TABLE found.attempts AS SELECT * FROM main.attempts WHERE 0;
CREATE TABLE found.history AS SELECT * FROM main.history WHERE 0;
CREATE TABLE found.calls AS SELECT * FROM main.calls WHERE 0;
CREATE TABLE found.commands AS SELECT * FROM main.commands WHERE 0;
CREATE TABLE found.dependencies AS SELECT * FROM main.dependencies WHERE 0;
CREATE TABLE found.landings AS SELECT * FROM main.landings WHERE 0;
CREATE TABLE found.budgets AS SELECT * FROM main.budgets WHERE 0;
CREATE TABLE found.charges AS SELECT * FROM main.charges WHERE 0;
CREATE TABLE found.requests AS SELECT * FROM main.requests WHERE 0;
CREATE TABLE found.fingerprints AS SELECT * FROM main.fingerprints WHERE 0;
CREATE TABLE found.reused AS SELECT * FROM main.reused WHERE 0;
CREATE TABLE found.bindings AS SELECT * FROM main.bindings WHERE 0;

-- name: stage_indexes
CREATE INDEX found.history_of_task ON history (key, sequence);
CREATE INDEX found.input_of_task ON inputs (key);
CREATE INDEX found.tasks_of_execution ON tasks (execution_id);
CREATE INDEX found.history_of_execution ON history (execution_id);

-- name: stage_row
-- TABLE and PLACES are put in by whoever runs it: they follow from the schema.
INSERT INTO found.TABLE VALUES (PLACES)

-- name: drop_trigger
DROP TRIGGER main.NAME

-- name: triggers
SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger'

-- name: keep_executions
-- The newest first everywhere: old copies of a row may lie in pages that are not in use any more.
INSERT OR IGNORE INTO main.executions SELECT * FROM found.executions ORDER BY ended_at DESC

-- name: keep_files
INSERT OR IGNORE INTO main.files
SELECT * FROM found.files WHERE execution_id IN (SELECT execution_id FROM main.executions)

-- name: keep_tasks
-- Not one whose history has gone on since the row was written.
INSERT OR IGNORE INTO main.tasks
SELECT * FROM found.tasks AS task
WHERE execution_id IN (SELECT execution_id FROM main.executions)
    AND EXISTS (SELECT 1 FROM found.inputs WHERE inputs.key = task.key)
    AND NOT EXISTS (
        SELECT 1 FROM found.history AS later
        WHERE later.key = task.key AND later.trigger <> 'result_discarded' AND (
            later.attempt > task.attempt
            OR later.sequence > (
                SELECT max(sequence) FROM found.history AS written
                WHERE written.key = task.key AND written.attempt = task.attempt AND written.at = task.moved_at
                    AND written.trigger = task.moved_by AND written.target = task.state
            )
        )
    )
ORDER BY attempt DESC, moved_at DESC

-- name: keep_inputs
INSERT OR IGNORE INTO main.inputs SELECT * FROM found.inputs WHERE key IN (SELECT key FROM main.tasks)

-- name: keep_attempts
INSERT OR IGNORE INTO main.attempts
SELECT * FROM found.attempts WHERE key IN (SELECT key FROM main.tasks) ORDER BY ended_at DESC

-- name: keep_history
INSERT OR IGNORE INTO main.history
SELECT * FROM found.history WHERE key IN (SELECT key FROM main.tasks) ORDER BY sequence

-- name: keep_calls
INSERT OR IGNORE INTO main.calls SELECT * FROM found.calls WHERE key IN (SELECT key FROM main.tasks)

-- name: keep_commands
INSERT OR IGNORE INTO main.commands
SELECT * FROM found.commands WHERE execution_id IN (SELECT execution_id FROM main.executions)

-- name: keep_dependencies
-- Nothing waits for a task that is lost: it could never be seen to succeed.
INSERT OR IGNORE INTO main.dependencies
SELECT * FROM found.dependencies
WHERE key IN (SELECT key FROM main.tasks) AND on_key IN (SELECT key FROM main.tasks)

-- name: keep_landings
-- Of two copies the one that got further: an undo that is forgotten would be done again, which finds nothing to do.
INSERT OR IGNORE INTO main.landings
SELECT * FROM found.landings WHERE execution_id IN (SELECT execution_id FROM main.executions) ORDER BY moved_at DESC

-- name: keep_budgets
INSERT OR IGNORE INTO main.budgets
SELECT * FROM found.budgets WHERE execution_id IN (SELECT execution_id FROM main.executions) ORDER BY changed_at DESC

-- name: keep_charges
-- Of two copies the settled one.
INSERT OR IGNORE INTO main.charges
SELECT * FROM found.charges WHERE key IN (SELECT key FROM main.tasks) ORDER BY settled_at IS NULL
-- name: keep_requests
INSERT OR IGNORE INTO main.requests
SELECT * FROM found.requests WHERE execution_id IN (SELECT execution_id FROM main.executions)

-- name: keep_fingerprints
-- A copy from before the answer came may lie about too.
INSERT OR IGNORE INTO main.fingerprints
SELECT * FROM found.fingerprints WHERE key IN (SELECT key FROM main.tasks) ORDER BY is_answer DESC

-- name: keep_reused
-- Of tasks that were asked anew, the row may still be seen.
INSERT OR IGNORE INTO main.reused
SELECT reused.* FROM found.reused JOIN main.tasks USING (key)
WHERE tasks.moved_by = 'reused' AND origin IN (SELECT key FROM main.tasks)

-- name: keep_bindings
-- Of two copies the closed one: its task has its input, which is in the same transaction.
INSERT OR IGNORE INTO main.bindings
SELECT * FROM found.bindings WHERE key IN (SELECT key FROM main.tasks) ORDER BY is_open

-- name: take_answers_back
-- Only what is there can be given to others.
UPDATE main.fingerprints
SET is_answer = 0
WHERE key NOT IN (SELECT key FROM main.tasks WHERE state = 'completed' AND moved_by = 'succeeded')

-- name: count_all_blockers
UPDATE main.tasks
SET blockers = (
    SELECT count(*) FROM main.dependencies JOIN main.tasks AS others ON others.key = on_key
    WHERE dependencies.key = tasks.key AND others.state <> 'completed'
) + (SELECT count(*) FROM main.bindings WHERE bindings.key = tasks.key AND is_open = 1)
WHERE state = 'pending'

-- name: continue_sequence
-- Numbers of lines that are lost are not given to others.
UPDATE main.sqlite_sequence
SET seq = max(seq, (SELECT coalesce(max(sequence), 0) FROM found.history))
WHERE name = 'history'

-- name: lost_history
SELECT coalesce(max(sequence), 0) - count(DISTINCT sequence) FROM found.history

-- name: known_executions
-- Every execution that anything tells of: whether its own row is there, its tasks, how many of them are completed, and
-- how many there were as far as rows of its tasks or of their history tell.
WITH known (execution_id, key) AS (
    SELECT execution_id, key FROM found.tasks UNION SELECT execution_id, key FROM found.history
)
SELECT
    every.execution_id,
    EXISTS (SELECT 1 FROM main.executions WHERE main.executions.execution_id = every.execution_id),
    (SELECT count(*) FROM main.tasks WHERE main.tasks.execution_id = every.execution_id),
    (SELECT count(*) FROM main.tasks WHERE main.tasks.execution_id = every.execution_id AND state = 'completed'),
    max(
        (SELECT count(*) FROM known WHERE known.execution_id = every.execution_id),
        (SELECT coalesce(max(position) + 1, 0) FROM found.tasks WHERE tasks.execution_id = every.execution_id)
    )
FROM (SELECT execution_id FROM found.executions UNION SELECT execution_id FROM known) AS every
ORDER BY every.execution_id

-- name: missing_attempts
SELECT coalesce(sum(attempt - (SELECT count(*) FROM main.attempts WHERE attempts.key = tasks.key)), 0)
FROM main.tasks

-- name: inputs_without_task
SELECT count(DISTINCT key) FROM found.inputs
WHERE key NOT IN (SELECT key FROM found.tasks) AND key NOT IN (SELECT key FROM found.history)

-- name: left_over
SELECT count(*) FROM (
    SELECT key FROM found.tasks UNION SELECT key FROM found.inputs UNION SELECT key FROM found.calls
) WHERE key NOT IN (SELECT key FROM main.tasks)

-- name: left_over_tasks
SELECT * FROM found.tasks WHERE key NOT IN (SELECT key FROM main.tasks) ORDER BY key

-- name: left_over_inputs
SELECT * FROM found.inputs WHERE key NOT IN (SELECT key FROM main.tasks) ORDER BY key

-- name: left_over_calls
SELECT * FROM found.calls WHERE key NOT IN (SELECT key FROM main.tasks) ORDER BY key
