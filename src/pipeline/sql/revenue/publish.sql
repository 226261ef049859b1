-- One row per published window. A window is published only while the newest mark that its figures have taken in still stands: if
-- it is gone, another run has published the window from newer data. The conditions name the windows for every table, because a
-- table that was empty when it was last analyzed would be read in full.
-- noqa: disable=RF02
WITH candidate_window AS (
    SELECT
        r.window_start,
        max(r.mark_id) AS mark_id
    FROM analytics.revenue_candidate AS r
    WHERE r.quality_run_id = %(quality_run_id)s AND r.window_start = any(%(windows)s)
    GROUP BY r.window_start
),

cleared_mark AS (
    DELETE FROM analytics.dirty_window AS d
    USING candidate_window AS c
    WHERE d.window_start = c.window_start AND d.mark_id <= c.mark_id AND d.window_start = any(%(windows)s)
    RETURNING d.window_start, d.mark_id
),

current_window AS (
    SELECT c.window_start
    FROM candidate_window AS c
    INNER JOIN cleared_mark AS m ON c.window_start = m.window_start AND c.mark_id = m.mark_id
),

published_row AS (
    INSERT INTO analytics.revenue_by_diagnosis
    (window_start, category, revenue, claims, patients, quality_run_id, published_at)
    SELECT
        r.window_start,
        r.category,
        r.revenue,
        r.claims,
        r.patients,
        r.quality_run_id,
        clock_timestamp() AS published_at
    FROM analytics.revenue_candidate AS r
    INNER JOIN current_window AS w ON r.window_start = w.window_start
    WHERE r.quality_run_id = %(quality_run_id)s AND r.window_start = any(%(windows)s)
    ORDER BY r.window_start, r.category
    ON CONFLICT (window_start, category) DO UPDATE
        SET
            revenue = excluded.revenue,
            claims = excluded.claims,
            patients = excluded.patients,
            quality_run_id = excluded.quality_run_id,
            published_at = excluded.published_at
    RETURNING window_start, category
),

-- A category that is no longer tracked is deleted with the window's next publication.
withdrawn_row AS (
    DELETE FROM analytics.revenue_by_diagnosis AS r
    USING current_window AS w
    WHERE
        r.window_start = w.window_start
        AND (r.window_start, r.category) NOT IN (
            SELECT
                c.window_start,
                c.category
            FROM analytics.revenue_candidate AS c
            WHERE c.quality_run_id = %(quality_run_id)s AND c.window_start = any(%(windows)s)
        )
),

-- Candidates of other runs for these windows are obsolete.
settled_candidate AS (
    DELETE FROM analytics.revenue_candidate AS r
    USING candidate_window AS c
    WHERE
        r.window_start = c.window_start
        AND r.quality_run_id <= %(quality_run_id)s
        AND r.window_start = any(%(windows)s)
)

SELECT DISTINCT p.window_start
FROM published_row AS p
ORDER BY p.window_start
