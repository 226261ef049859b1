-- One row: the number of work that begins before its batch does. It is of the numbers of batches, so that no two are the same.
SELECT nextval('staging.merge_run_run_id_seq') AS work_id
