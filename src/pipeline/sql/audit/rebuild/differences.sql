-- One row per table and kind of difference: how many rows, and the first few of them.
SELECT
    d.relation,
    d.kind,
    count(*) AS rows,
    coalesce((array_agg(d.id ORDER BY d.id) FILTER (WHERE d.id IS NOT NULL))[1:5], '{}') AS examples
FROM rebuilt_difference AS d
GROUP BY d.relation, d.kind
ORDER BY d.relation, d.kind
