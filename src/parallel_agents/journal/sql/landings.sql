-- Landings: what executions put on canvases.

-- name: insert_landing
INSERT INTO landings (
    execution_id, canvas_path, state, begun_at, moved_at, added, reversal, nodes_before, nodes_after, edges_before,
    edges_after
)
VALUES (
    :execution_id, :canvas_path, 'begun', :at, :at, :added, :reversal, :nodes_before, :nodes_after, :edges_before,
    :edges_after
)

-- name: move_landing
-- Only forwards: what is undone or dropped stays so.
UPDATE landings
SET state = :state, moved_at = :at
WHERE landing_id = :landing_id AND (
    state = 'begun' OR (state = 'done' AND :state = 'undone')
)

-- name: note_check
UPDATE landings SET checked = :checked WHERE landing_id = :landing_id

-- name: landings
SELECT
    landing_id, execution_id, canvas_path, state, begun_at, moved_at, added, reversal, nodes_before, nodes_after,
    edges_before, edges_after, checked
FROM landings
WHERE execution_id = :execution_id
ORDER BY landing_id
