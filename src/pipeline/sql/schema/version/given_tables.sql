-- One row: the given tables that are missing, or nothing.
SELECT string_agg(given.name, ', ') AS missing
FROM (VALUES ('patient'), ('claim'), ('diagnose')) AS given (name)
WHERE to_regclass(given.name) IS NULL
