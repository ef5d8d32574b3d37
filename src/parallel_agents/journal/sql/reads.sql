-- name: counts
SELECT state, count(*) FROM tasks WHERE execution_id = :execution_id GROUP BY state

-- name: tasks
SELECT * FROM task_records WHERE execution_id = :execution_id AND position > :after ORDER BY position LIMIT :limit

-- name: tasks_in_states
-- The few that are chosen are found in the index alone, however many tasks there are.
SELECT * FROM task_records
WHERE key IN (
    SELECT key FROM tasks INDEXED BY tasks_by_rank
    WHERE execution_id = :execution_id
        AND state IN (SELECT value FROM json_each(:states))
        AND position > :after
    ORDER BY position
    LIMIT :limit
)
ORDER BY key

-- name: attempts
SELECT
    key, attempt, worker_pid, started_at, ended_at, outcome, charged, error, duration_ms, waited_ms, cpu_ms,
    peak_memory_mb, thread_id, calls, replayed, generation_ms, input_tokens, output_tokens, model, is_language_model,
    effective, finish_reason, kept_workdir, cached_input_tokens, cost_usd, unpriced_calls
FROM attempts
WHERE key IN (SELECT value FROM json_each(:keys))
ORDER BY key, attempt

-- name: ready_by_priority
SELECT * FROM ready_tasks
WHERE execution_id = :execution_id AND key NOT IN (SELECT value FROM json_each(:exclude))
    AND agent_name NOT IN (SELECT value FROM json_each(:without))
ORDER BY rank, position
LIMIT :limit

-- name: ready_first_in_first_out
SELECT * FROM ready_tasks
WHERE execution_id = :execution_id AND key NOT IN (SELECT value FROM json_each(:exclude))
    AND agent_name NOT IN (SELECT value FROM json_each(:without))
ORDER BY position
LIMIT :limit

-- name: ready_last_in_first_out
SELECT * FROM ready_tasks
WHERE execution_id = :execution_id AND key NOT IN (SELECT value FROM json_each(:exclude))
    AND agent_name NOT IN (SELECT value FROM json_each(:without))
ORDER BY position DESC
LIMIT :limit

-- name: ready_among
SELECT * FROM ready_tasks WHERE key IN (SELECT value FROM json_each(:keys)) ORDER BY key

-- name: tasks_of
SELECT * FROM task_records WHERE key IN (SELECT value FROM json_each(:keys)) ORDER BY key

-- name: agents_to_run
SELECT DISTINCT agent_name
FROM tasks
WHERE execution_id = :execution_id
    AND ((state = 'pending' AND (blockers > 0) = 0) OR (state = 'waiting' AND due_at IS NOT NULL))

-- name: has_pending
SELECT EXISTS (SELECT 1 FROM tasks WHERE execution_id = :execution_id AND state = 'pending')

-- name: next_due_at
SELECT min(due_at) FROM tasks WHERE execution_id = :execution_id AND state = 'waiting' AND due_at IS NOT NULL

-- name: highest_open_priority
-- One step into the index per open state (of what is pending, some is held back by other tasks), instead of a walk over every open task.
WITH open_states (state, is_blocked) AS (VALUES ('pending', 0), ('pending', 1), ('running', 0), ('waiting', 0)),
firsts (key) AS (
    SELECT (
        SELECT key FROM tasks
        WHERE execution_id = :execution_id AND tasks.state = open_states.state AND (blockers > 0) = is_blocked
        ORDER BY rank, position
        LIMIT 1
    )
    FROM open_states
)
SELECT priority FROM firsts JOIN tasks USING (key) ORDER BY rank LIMIT 1

-- name: discarded
SELECT count(*) FROM history WHERE execution_id = :execution_id AND trigger = 'result_discarded'

-- name: history
SELECT sequence, history.execution_id, task_id, history.attempt, at, trigger, source, target, detail
FROM history JOIN tasks USING (key)
WHERE history.execution_id = :execution_id AND sequence > :after
ORDER BY sequence
LIMIT :limit

-- name: call
SELECT response FROM calls WHERE key = :key AND request_hash = :request_hash AND ordinal = :ordinal
