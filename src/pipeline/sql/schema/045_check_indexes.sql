-- Indexes by which the checks find a recent slice.
-- Arrivals come in the order of time, so that a few pages' worth of index says where a time begins.
CREATE INDEX IF NOT EXISTS event_received_at ON staging.event USING brin (received_at) WITH (autosummarize = on);

-- What recent batches did: batches are written one after the other, too.
CREATE INDEX IF NOT EXISTS outcome_run_range ON staging.outcome USING brin (run_id) WITH (autosummarize = on);
DROP INDEX IF EXISTS staging.outcome_run, staging.outcome_run_seq;

CREATE INDEX IF NOT EXISTS revenue_by_diagnosis_published_at ON analytics.revenue_by_diagnosis (published_at);
