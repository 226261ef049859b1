-- every raw row has one outcome at most, and every outcome belongs to exactly one raw row, of its stream and its time
WITH checked_row AS (
    SELECT DISTINCT
        o.seq,
        o.received_at
    FROM staging.outcome AS o
    WHERE o.run_id >= %(first_run_id)s
),

outcome_by_row AS (
    SELECT
        o.seq,
        o.received_at,
        count(*) AS outcomes,
        min(o.stream) AS stream
    FROM checked_row AS c
    INNER JOIN staging.outcome AS o ON c.seq = o.seq AND c.received_at = o.received_at
    GROUP BY o.seq, o.received_at
)

SELECT
    o.seq,
    o.stream,
    o.outcomes,
    count(e.seq) AS raw_rows
FROM outcome_by_row AS o
LEFT JOIN staging.event AS e
    ON
        o.seq = e.seq AND o.stream = e.stream
        AND (o.received_at = e.received_at OR (o.received_at = '-infinity' AND e.received_at IS NULL))
GROUP BY o.seq, o.received_at, o.stream, o.outcomes
HAVING count(e.seq) <> 1 OR o.outcomes <> 1
