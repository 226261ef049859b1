-- One row per batch that was missing: it is inserted again. When it ran is not known, but it ran after its raw rows had come, and
-- after the batch before it.
-- The linter would break the line before LATERAL.
-- noqa: disable=LT02
INSERT INTO staging.merge_run
(run_id, stream, is_sweep, contract, merged, duplicate, conflict, rejected, started_at, finished_at, earliest_at)
OVERRIDING SYSTEM VALUE
SELECT
    c.run_id,
    c.stream,
    FALSE AS is_sweep,
    staging.contract_version() AS contract,
    c.merged,
    c.duplicate,
    c.conflict,
    c.rejected,
    f.ran_at AS started_at,
    f.ran_at AS finished_at,
    f.earliest_at
FROM rebuilt_difference AS d
INNER JOIN rebuilt_batch_count AS c ON d.id = c.run_id
CROSS JOIN LATERAL (
    SELECT
        min(o.received_at) AS earliest_at,
        greatest(
            max(o.received_at),
            (
                SELECT max(m.finished_at)
                FROM staging.merge_run AS m
                WHERE m.run_id < d.id
            )
        ) AS ran_at
    FROM rebuilt_outcome AS o
    WHERE o.run_id = d.id
) AS f
WHERE d.relation = 'batch' AND d.kind = 'missing'
ORDER BY c.run_id
