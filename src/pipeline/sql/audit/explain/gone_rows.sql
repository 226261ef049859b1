-- One row per gone raw row that touches the window, in the order of writing.
-- The linter takes the parameter for a column.
-- noqa: disable=RF02
SELECT
    g.seq,
    g.stream,
    g.entity_id,
    g.is_recorded,
    g.reason,
    g.recorded_by,
    g.recorded_at
FROM analytics.gone_row_window() AS g
WHERE g.window_start = %(window_start)s
ORDER BY g.seq
