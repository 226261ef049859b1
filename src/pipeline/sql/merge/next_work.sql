-- One row: a number for rows that are typed before their batch begins. It comes from the sequence of the batches, so no batch has it.
SELECT nextval('staging.merge_run_run_id_seq') AS work_id
