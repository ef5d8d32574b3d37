-- Why the model ended the last answer of an attempt, as its provider says it, and the work directory that was kept for
-- the user. Attempts of older versions have neither.
ALTER TABLE attempts ADD COLUMN finish_reason TEXT;
ALTER TABLE attempts ADD COLUMN kept_workdir TEXT;

PRAGMA user_version = 2;
