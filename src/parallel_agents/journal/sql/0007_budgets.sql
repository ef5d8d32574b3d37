-- What an execution may spend, and every request that may cost: written before it is sent, settled after it. One that is
-- not settled counts as spent in full once its engine is dead. Money in thousand-millionths of a dollar; it is NULL where
-- nobody knows the price.
CREATE TABLE budgets (
    execution_id TEXT    NOT NULL PRIMARY KEY REFERENCES executions (execution_id),
    nano_usd     INTEGER CHECK (nano_usd >= 0),
    tokens       INTEGER CHECK (tokens >= 0),
    changed_at   REAL    NOT NULL
) STRICT;

CREATE TABLE charges (
    charge_id     TEXT    NOT NULL PRIMARY KEY,
    execution_id  TEXT    NOT NULL REFERENCES executions (execution_id),
    key           INTEGER NOT NULL REFERENCES tasks (key),
    model         TEXT    NOT NULL,
    reserved_at   REAL    NOT NULL,
    most_tokens   INTEGER NOT NULL CHECK (most_tokens >= 0),
    most_nano_usd INTEGER CHECK (most_nano_usd >= 0),
    settled_at    REAL,
    tokens        INTEGER CHECK (tokens >= 0),
    nano_usd      INTEGER CHECK (nano_usd >= 0),
    CHECK ((tokens IS NULL) = (settled_at IS NULL))
) STRICT;

CREATE INDEX charges_by_execution ON charges (execution_id);

-- Of the input tokens, those that the provider read from its cache; what the answers of an attempt cost, and how many
-- of its requests may have cost something that nobody told. What older versions paid is unknown.
ALTER TABLE attempts ADD COLUMN cached_input_tokens INTEGER;
ALTER TABLE attempts ADD COLUMN cost_usd REAL;
ALTER TABLE attempts ADD COLUMN unpriced_calls INTEGER NOT NULL DEFAULT 0;
UPDATE attempts SET unpriced_calls = calls WHERE is_language_model IS NOT 0;

PRAGMA user_version = 7;
