-- Tasks whose input is made of the results of others.

-- name: insert_binding
INSERT INTO bindings (key, execution_id, binding) VALUES (:key, :execution_id, :binding)

-- name: has_open_bindings
SELECT EXISTS (
    SELECT 1 FROM bindings JOIN tasks USING (key)
    WHERE bindings.execution_id = :execution_id AND is_open = 1 AND state = 'pending'
)

-- name: unbound
-- Those that wait for nothing but their input.
SELECT tasks.key, binding FROM bindings JOIN tasks USING (key)
WHERE bindings.execution_id = :execution_id AND is_open = 1 AND state = 'pending' AND blockers = 1
ORDER BY position
LIMIT :limit

-- name: done_before
SELECT others.task_id, metadata, others.output
FROM dependencies JOIN tasks AS others ON others.key = on_key JOIN inputs ON inputs.key = on_key
WHERE dependencies.key = :key
ORDER BY others.position

-- name: close_binding
UPDATE bindings SET is_open = 0
WHERE key = :key AND is_open = 1
    AND EXISTS (SELECT 1 FROM tasks WHERE tasks.key = :key AND state = 'pending' AND blockers = 1)
RETURNING execution_id

-- name: take_input
UPDATE inputs SET input_data = :input_data, metadata = :metadata WHERE key = :key

-- name: depend_on_items_too
-- Whoever waits for a step waits for the tasks of all of its items.
INSERT OR IGNORE INTO dependencies (key, on_key)
SELECT dependencies.key, wanted.value
FROM dependencies, json_each(:keys) AS wanted
WHERE on_key = :key
ORDER BY dependencies.key, wanted.value

-- name: depend_as_well
-- The task of an item depends on what its step depends on.
INSERT OR IGNORE INTO dependencies (key, on_key)
SELECT wanted.value, on_key
FROM dependencies, json_each(:keys) AS wanted
WHERE dependencies.key = :key
ORDER BY wanted.value, on_key

-- name: dependents_of
SELECT key FROM dependencies WHERE on_key = :key

-- name: leave_out_unbound
UPDATE tasks
SET state = 'skipped', completed_at = :at, result_reason = :because, blockers = 0,
    moved_by = 'not_needed', moved_at = :at, moved_because = :because
WHERE state = 'pending' AND key = :key AND blockers = 1
    AND EXISTS (SELECT 1 FROM bindings WHERE bindings.key = tasks.key AND is_open = 1)

-- name: fail_unbound
UPDATE tasks
SET state = 'failed', completed_at = :at, result_status = 'error', result_reason = :because, blockers = 0,
    moved_by = 'input_failed', moved_at = :at, moved_because = :because
WHERE state = 'pending' AND key = :key AND blockers = 1
    AND EXISTS (SELECT 1 FROM bindings WHERE bindings.key = tasks.key AND is_open = 1)
