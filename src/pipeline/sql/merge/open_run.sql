-- One row: the number of the batch that begins.
INSERT INTO staging.merge_run (stream, is_sweep, contract, started_at)
VALUES (%(stream)s, %(is_sweep)s, staging.contract_version(), now())
RETURNING run_id
