-- One row: what the clean table of a stream holds, in words, and the version of the contract.
SELECT
    pg_catalog.obj_description(%(stream)s::regclass, 'pg_class') AS description,
    staging.contract_version() AS version
