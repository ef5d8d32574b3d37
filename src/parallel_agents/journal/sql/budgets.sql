-- What executions may spend and have spent. Nothing here moves a task.

-- name: put_budget
INSERT INTO budgets (execution_id, nano_usd, tokens, changed_at) VALUES (:execution_id, :nano_usd, :tokens, :at)
ON CONFLICT (execution_id) DO UPDATE SET nano_usd = :nano_usd, tokens = :tokens, changed_at = :at

-- name: budget
SELECT nano_usd, tokens FROM budgets WHERE execution_id = :execution_id

-- name: budgets
SELECT execution_id, nano_usd, tokens FROM budgets

-- name: insert_charge
INSERT INTO charges (charge_id, execution_id, key, model, reserved_at, most_tokens, most_nano_usd)
VALUES (:charge_id, :execution_id, :key, :model, :at, :tokens, :nano_usd)

-- name: settle_charge
UPDATE charges
SET settled_at = :at, tokens = :tokens, nano_usd = :nano_usd
WHERE charge_id = :charge_id AND settled_at IS NULL

-- name: write_off_charges
UPDATE charges
SET settled_at = :at, tokens = most_tokens, nano_usd = most_nano_usd
WHERE execution_id = :execution_id AND settled_at IS NULL

-- name: charges
-- Of the settled and of the open ones: tokens, money, and how many of them have no price.
SELECT
    settled_at IS NOT NULL,
    coalesce(sum(coalesce(tokens, most_tokens)), 0),
    coalesce(sum(CASE WHEN settled_at IS NULL THEN most_nano_usd ELSE nano_usd END), 0),
    sum(CASE WHEN settled_at IS NULL THEN most_nano_usd ELSE nano_usd END IS NULL)
FROM charges
WHERE execution_id = :execution_id
GROUP BY 1
