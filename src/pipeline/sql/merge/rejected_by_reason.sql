-- One row per reason for which the batch rejected raw rows, and how many.
SELECT
    o.reason,
    count(*) AS rejected
FROM staging.outcome AS o
WHERE o.run_id = %(run_id)s AND o.fate = 'rejected'
GROUP BY o.reason
ORDER BY o.reason
