-- staging.reject_reason: one row per reason for which the contract rejects a raw row, with its meaning in words.
CREATE TABLE staging.reject_reason (
    reason text PRIMARY KEY,
    meaning text NOT NULL
);
