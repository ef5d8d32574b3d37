-- Results of earlier tasks that serve again, and batches that were submitted before.

-- name: insert_request
INSERT INTO requests (execution_id, reuses, idempotency_key, batch)
VALUES (:execution_id, :reuses, :idempotency_key, :batch)

-- name: request_with_key
SELECT execution_id, batch FROM requests WHERE idempotency_key = :idempotency_key

-- name: reuses
SELECT reuses FROM requests WHERE execution_id = :execution_id

-- name: insert_fingerprint
INSERT INTO fingerprints (key, fingerprint) VALUES (:key, :fingerprint)

-- name: mark_answer
UPDATE fingerprints SET is_answer = 1 WHERE key = :key

-- name: answered
-- Those among these digests (in hexadecimal) that have a result to give.
SELECT wanted.value FROM json_each(:fingerprints) AS wanted
WHERE EXISTS (
    SELECT 1 FROM fingerprints WHERE fingerprint = unhex(wanted.value) AND is_answer = 1
)

-- name: find_origins
-- For each of these tasks that nothing holds back, the newest result of the same digest.
INSERT INTO reused (key, execution_id, origin)
SELECT new.key, new.execution_id, newest.key
FROM json_each(:keys) AS wanted
JOIN tasks AS new ON new.key = wanted.value
JOIN fingerprints AS asked ON asked.key = new.key
JOIN fingerprints AS newest ON newest.key = (
    SELECT key FROM fingerprints AS answer
    WHERE answer.fingerprint = asked.fingerprint AND answer.is_answer = 1
    ORDER BY answer.key DESC
    LIMIT 1
)
WHERE new.state = 'pending' AND new.blockers = 0

-- name: take_results
UPDATE tasks
SET state = 'completed', completed_at = :at, output = given.output, result_status = given.result_status,
    result_reason = given.result_reason, moved_by = 'reused', moved_at = :at,
    moved_because = 'the result of ' || given.task_id || ' of ' || given.execution_id
FROM reused JOIN tasks AS given ON given.key = reused.origin
WHERE tasks.state = 'pending' AND tasks.key = reused.key AND tasks.key IN (SELECT value FROM json_each(:keys))
RETURNING tasks.key, tasks.task_id

-- name: freed_by
-- What depends on these tasks and waits for nothing any more.
SELECT DISTINCT tasks.key FROM dependencies JOIN tasks USING (key)
WHERE on_key IN (SELECT value FROM json_each(:keys)) AND blockers = 0

-- name: tasks_to_renew
-- Not one that hangs together with others: what they did rests on it.
SELECT tasks.key FROM tasks JOIN reused USING (key)
WHERE tasks.execution_id = :execution_id AND tasks.state = 'completed'
    AND task_id IN (SELECT value FROM json_each(:task_ids))
    AND NOT EXISTS (SELECT 1 FROM dependencies WHERE dependencies.key = tasks.key OR on_key = tasks.key)

-- name: renew_tasks
UPDATE tasks
SET state = 'pending', charged = 0, losses = 0, engine_losses = 0, final_round = 0, completed_at = NULL,
    output = NULL, result_status = NULL, result_reason = NULL, fallback = 'none',
    moved_by = 'renewed', moved_at = :at, moved_because = NULL
WHERE state = 'completed' AND key IN (SELECT value FROM json_each(:keys))

-- name: forget_origins
DELETE FROM reused WHERE key IN (SELECT value FROM json_each(:keys))

-- name: count_reused
SELECT count(*) FROM reused WHERE execution_id = :execution_id

-- name: origins
SELECT
    reused.key, given.execution_id, given.task_id, given.node_id, given.completed_at, model, is_language_model,
    finish_reason
FROM reused
JOIN tasks AS given ON given.key = reused.origin
LEFT JOIN attempts ON attempts.key = given.key AND attempts.attempt = given.attempt
WHERE reused.key IN (SELECT value FROM json_each(:keys))
