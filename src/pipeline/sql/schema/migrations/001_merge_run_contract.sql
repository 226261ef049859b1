-- staging.merge_run records the version of the contract that judged a batch. Batches from before have version 1.
ALTER TABLE staging.merge_run ADD COLUMN contract integer NOT NULL DEFAULT 1;
