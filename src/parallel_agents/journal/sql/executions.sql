-- name: insert_execution
INSERT INTO executions (
    execution_id, submitted_at, max_concurrent, model, source, vault_root, settings, agents, ended_at,
    cancel_requested, paused, stopped, resources, is_open, resume_at
)
VALUES (
    :execution_id, :submitted_at, :max_concurrent, :model, :source, :vault_root, :settings, :agents, :ended_at,
    :cancel_requested, :paused, :stopped, :resources, :is_open, :resume_at
)

-- name: insert_task
INSERT INTO tasks (
    key, execution_id, task_id, position, agent_name, priority, rank, timeout_s, retry_attempts, memory_mb,
    canvas_path, node_id, parent_id, depth, moved_at
)
VALUES (
    :key, :execution_id, :task_id, :position, :agent_name, :priority, :rank, :timeout_s, :retry_attempts, :memory_mb,
    :canvas_path, :node_id, :parent_id, :depth, :moved_at
)

-- name: insert_input
INSERT INTO inputs (key, input_data, metadata) VALUES (:key, :input_data, :metadata)

-- name: last_key
SELECT coalesce(max(key), 0) FROM tasks

-- name: insert_file
INSERT INTO files (execution_id, path) VALUES (:execution_id, :path) ON CONFLICT (execution_id, path) DO NOTHING

-- name: mark_cancelled
UPDATE executions
SET cancel_requested = cancel_requested OR NOT :stopped, stopped = stopped OR :stopped
WHERE execution_id = :execution_id

-- name: take_marks_off
-- Only where something is left to do: marks of an execution that stays ended still tell how it ended.
UPDATE executions
SET cancel_requested = 0, stopped = 0, ended_at = NULL
WHERE execution_id = :execution_id
    AND EXISTS (
        SELECT 1 FROM tasks WHERE tasks.execution_id = :execution_id AND state IN ('pending', 'running', 'waiting')
    )

-- name: mark_paused
UPDATE executions SET paused = :reason, resume_at = :resume_at WHERE execution_id = :execution_id

-- name: change_concurrency
UPDATE executions SET changed_concurrency = :at_most WHERE execution_id = :execution_id

-- name: mark_closed
UPDATE executions SET is_open = 0 WHERE execution_id = :execution_id

-- name: change_agents
UPDATE executions SET agents = :agents WHERE execution_id = :execution_id

-- name: has_task
SELECT 1 FROM tasks WHERE execution_id = :execution_id AND task_id = :task_id

-- name: standing_of
SELECT task_id, tasks.key, state
FROM json_each(:task_ids) AS wanted JOIN tasks ON execution_id = :execution_id AND task_id = wanted.value

-- name: next_position
SELECT coalesce(max(position) + 1, 0) FROM tasks WHERE execution_id = :execution_id

-- name: mark_ended
UPDATE executions SET ended_at = :at, resources = :resources WHERE execution_id = :execution_id

-- name: insert_command
INSERT INTO commands (execution_id, verb, arguments, asked_at) VALUES (:execution_id, :verb, :arguments, :at)

-- name: answer_command
-- The first answer stays.
UPDATE commands
SET answer = coalesce(answer, :answer), answered_at = coalesce(answered_at, :at)
WHERE command_id = :command_id

-- name: executions
SELECT * FROM execution_records ORDER BY number DESC

-- name: execution
SELECT * FROM execution_records WHERE execution_id = :execution_id

-- name: has_execution
SELECT 1 FROM executions WHERE execution_id = :execution_id

-- name: open_commands
SELECT command_id, execution_id, verb, arguments, asked_at, answer
FROM commands
WHERE answer IS NULL AND execution_id IN (SELECT value FROM json_each(:execution_ids))
ORDER BY command_id

-- name: command
SELECT command_id, execution_id, verb, arguments, asked_at, answer FROM commands WHERE command_id = :command_id
