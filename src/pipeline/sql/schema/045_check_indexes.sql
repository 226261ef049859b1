-- Indexes by which the checks find a recent slice, and a rebuild the order of merging.
-- Arrivals come in the order of time, so that a few pages' worth of index says where a time begins.
CREATE INDEX IF NOT EXISTS event_received_at ON staging.event USING brin (received_at) WITH (autosummarize = on);

-- What a batch did, in the order in which it did it; it serves all that the index on the batch alone did.
CREATE INDEX IF NOT EXISTS outcome_run_seq ON staging.outcome (run_id, seq);
DROP INDEX IF EXISTS staging.outcome_run;

CREATE INDEX IF NOT EXISTS revenue_by_diagnosis_published_at ON analytics.revenue_by_diagnosis (published_at);
