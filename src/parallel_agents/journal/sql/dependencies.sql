-- Tasks that wait for others of their execution.

-- name: insert_dependency
INSERT OR IGNORE INTO dependencies (key, on_key)
SELECT :key, tasks.key FROM tasks WHERE execution_id = :execution_id AND task_id = :on_task_id

-- name: count_blockers
UPDATE tasks
SET blockers = (
    SELECT count(*) FROM dependencies JOIN tasks AS others ON others.key = on_key
    WHERE dependencies.key = tasks.key AND others.state <> 'completed'
) + (SELECT count(*) FROM bindings WHERE bindings.key = tasks.key AND is_open = 1)
WHERE state = 'pending' AND key IN (SELECT value FROM json_each(:keys))

-- name: take_blocker_off
-- What was cancelled or skipped meanwhile waits for nothing any more.
UPDATE tasks
SET blockers = blockers - 1
WHERE key IN (SELECT key FROM dependencies WHERE on_key = :key) AND blockers > 0

-- name: skip_dependents
UPDATE tasks
SET state = 'skipped', completed_at = :at, result_reason = :because, blockers = 0,
    moved_by = 'dependency_failed', moved_at = :at, moved_because = :because
WHERE state = 'pending' AND key IN (
    WITH RECURSIVE below (key) AS (
        SELECT key FROM dependencies WHERE on_key = :on_key
        UNION
        SELECT dependencies.key FROM below JOIN dependencies ON on_key = below.key
    )
    SELECT key FROM below
)
RETURNING task_id

-- name: task_id_of
SELECT task_id FROM tasks WHERE key = :key

-- name: failed_with_pending_dependents
SELECT DISTINCT others.key
FROM tasks
JOIN dependencies USING (key)
JOIN tasks AS others ON others.key = on_key
WHERE tasks.execution_id = :execution_id
    AND tasks.state = 'pending' AND (tasks.blockers > 0) = 1
    AND others.state IN ('failed', 'skipped', 'cancelled')

-- name: failed_dependencies_of
SELECT DISTINCT on_key
FROM dependencies JOIN tasks AS others ON others.key = on_key
WHERE dependencies.key IN (SELECT value FROM json_each(:keys)) AND others.state IN ('failed', 'skipped', 'cancelled')
ORDER BY on_key

-- name: unmet_names
-- Names among these that no task of the execution has.
SELECT value FROM json_each(:task_ids) AS wanted
WHERE NOT EXISTS (SELECT 1 FROM tasks WHERE execution_id = :execution_id AND task_id = wanted.value)
LIMIT 1

-- name: tasks_to_retry
-- Those that are asked for, what they depend on as far as it failed, and what was skipped for no other reason than that
-- one of them had failed.
WITH RECURSIVE
    ended (key) AS (
        SELECT key FROM tasks WHERE execution_id = :execution_id AND state IN ('failed', 'skipped', 'cancelled')
    ),
    wanted (key) AS (
        SELECT key FROM tasks
        WHERE execution_id = :execution_id AND state IN ('failed', 'skipped', 'cancelled')
            AND (:task_ids IS NULL OR task_id IN (SELECT value FROM json_each(:task_ids)))
        UNION
        SELECT on_key FROM wanted JOIN dependencies USING (key) WHERE on_key IN (SELECT key FROM ended)
    ),
    revived (key) AS (
        SELECT key FROM wanted
        UNION
        SELECT dependencies.key
        FROM revived JOIN dependencies ON on_key = revived.key JOIN tasks ON tasks.key = dependencies.key
        WHERE state = 'skipped' AND moved_by = 'dependency_failed'
    ),
    held (key) AS (
        SELECT dependencies.key
        FROM ended JOIN dependencies ON on_key = ended.key
        WHERE ended.key NOT IN (SELECT key FROM revived)
        UNION
        SELECT dependencies.key FROM held JOIN dependencies ON on_key = held.key
    )
SELECT key FROM wanted
UNION
SELECT key FROM revived WHERE key NOT IN (SELECT key FROM held)
