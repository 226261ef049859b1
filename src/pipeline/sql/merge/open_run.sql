-- One row: the number of the batch that begins, and whether somebody has emptied the clean table. Nobody can from here on: who reads a
-- table keeps it from being emptied until the transaction ends.
INSERT INTO staging.merge_run (stream, is_sweep, contract, started_at)
VALUES (%(stream)s, %(is_sweep)s, staging.contract_version(), now())
RETURNING
    run_id,
    EXISTS (
        SELECT FROM staging.emptied_table AS t
        WHERE t.stream = %(stream)s
    ) AS is_emptied
