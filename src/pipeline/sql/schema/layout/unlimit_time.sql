-- One row: a large table takes its time.
SELECT pg_catalog.set_config('statement_timeout', '0', TRUE) AS unlimited
