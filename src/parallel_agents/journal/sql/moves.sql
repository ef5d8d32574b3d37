-- The writes that move tasks. Each names the states it moves from; a test holds them against the transition table.
-- History lines come from the triggers of the schema.

-- name: start_task
UPDATE tasks
SET state = 'running', attempt = :attempt, charged = charged + 1,
    moved_by = 'started', moved_at = :at, moved_because = NULL
WHERE key = :key AND state = 'pending' AND blockers = 0 AND attempt = :attempt - 1

-- name: insert_attempt
INSERT INTO attempts (key, attempt, worker_pid, thread_id, node, baseline_mb, effective, started_at)
VALUES (:key, :attempt, :worker_pid, :thread_id, :node, :baseline_mb, :effective, :at)

-- name: settle_task
UPDATE tasks
SET state = :target,
    charged = max(0, charged + :charge),
    losses = losses + :lost_worker,
    engine_losses = engine_losses + :lost_engine,
    final_round = final_round OR :final_round,
    due_at = :due_at,
    completed_at = :completed_at,
    result_status = :result_status,
    result_reason = :result_reason,
    fallback = :fallback,
    moved_by = :trigger, moved_at = :at, moved_because = :because,
    output = :output
WHERE key = :key AND attempt = :attempt AND state = 'running'

-- name: end_attempt
UPDATE attempts
SET ended_at = :at,
    outcome = :outcome,
    charged = :charged,
    error = :error,
    duration_ms = :duration_ms,
    waited_ms = :waited_ms,
    cpu_ms = :cpu_ms,
    peak_memory_mb = :peak_memory_mb,
    effective = json_patch(effective, :achieved),
    thread_id = coalesce(:thread_id, thread_id),
    calls = :calls,
    replayed = :replayed,
    generation_ms = :generation_ms,
    input_tokens = :input_tokens,
    output_tokens = :output_tokens,
    model = :model,
    is_language_model = :is_language_model,
    finish_reason = :finish_reason,
    kept_workdir = :kept_workdir,
    cached_input_tokens = :cached_input_tokens,
    cost_usd = :cost_usd,
    unpriced_calls = :unpriced_calls
WHERE key = :key AND attempt = :attempt

-- name: discard_result
INSERT INTO history (execution_id, key, attempt, at, trigger, source, target, detail)
SELECT execution_id, key, :attempt, :at, 'result_discarded', state, state, :because FROM tasks WHERE key = :key

-- name: release_due
UPDATE tasks
SET state = 'pending', due_at = NULL, moved_by = 'due', moved_at = :at, moved_because = NULL
WHERE execution_id = :execution_id AND state = 'waiting' AND due_at <= :now

-- name: release_final_round
UPDATE tasks
SET state = 'pending', moved_by = 'due', moved_at = :at, moved_because = 'final round'
WHERE execution_id = :execution_id AND state = 'waiting' AND due_at IS NULL

-- name: running_tasks
SELECT key, attempt, engine_losses FROM tasks
WHERE execution_id = :execution_id AND state = 'running'
ORDER BY rank, position

-- name: cancel_tasks
UPDATE tasks
SET state = 'cancelled', due_at = NULL, completed_at = :at, blockers = 0,
    moved_by = 'cancelled', moved_at = :at, moved_because = :because
WHERE execution_id = :execution_id AND state IN ('pending', 'waiting')

-- name: retry_tasks
UPDATE tasks
SET state = 'pending', charged = 0, losses = 0, engine_losses = 0, final_round = 0, completed_at = NULL,
    result_status = NULL, result_reason = NULL, fallback = 'none',
    moved_by = 'retried', moved_at = :at, moved_because = NULL
WHERE state IN ('failed', 'skipped', 'cancelled') AND key IN (SELECT value FROM json_each(:keys))

-- name: insert_call
-- The first answer kept for a call stays.
INSERT INTO calls (key, request_hash, ordinal, response, answered_at)
VALUES (:key, :request_hash, :ordinal, :response, :at)
ON CONFLICT (key, request_hash, ordinal) DO NOTHING
