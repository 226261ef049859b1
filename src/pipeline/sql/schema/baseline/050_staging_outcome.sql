-- staging.outcome: one row per raw row that the merge has taken: what became of it. A raw row without one is pending.
-- It has the same partitions as staging.event, so that a raw row and its outcome are found in the same day.
-- It has no foreign key on run_id: a trigger for each row costs as much as the insert, and verify finds an outcome without its batch.
CREATE TABLE staging.outcome (
    seq bigint NOT NULL,
    stream text NOT NULL,
    entity_id bigint,
    fate text NOT NULL CHECK (fate IN ('merged', 'duplicate', 'conflict', 'rejected')),
    reason text,
    run_id bigint NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (seq, received_at),
    CONSTRAINT rejected_has_reason CHECK ((fate = 'rejected') = (reason IS NOT NULL)),
    CONSTRAINT accepted_has_id CHECK (fate = 'rejected' OR entity_id IS NOT NULL)
) PARTITION BY RANGE (received_at);

CREATE TABLE staging.outcome_default PARTITION OF staging.outcome DEFAULT;

-- Finds the raw rows of a clean row.
CREATE INDEX outcome_entity ON staging.outcome (stream, entity_id);

-- Finds the outcomes of recent batches: batches are written one after the other.
CREATE INDEX outcome_run_range ON staging.outcome USING brin (run_id) WITH (autosummarize = on);

-- Find the few conflicts and rejections, the newest first, among the many other outcomes.
CREATE INDEX outcome_set_aside ON staging.outcome (fate, seq) WHERE fate IN ('conflict', 'rejected');
CREATE INDEX outcome_reason ON staging.outcome (reason, seq) WHERE reason IS NOT NULL;

-- Counts rejections by reason at a cost that grows with the rejected rows only.
CREATE INDEX outcome_rejected ON staging.outcome (stream, reason) WHERE fate = 'rejected';

-- Every row with a reason is rejected: without this the planner takes a reason for a hundred times rarer than it is.
CREATE STATISTICS staging.outcome_fate_reason ON fate, reason FROM staging.outcome;
