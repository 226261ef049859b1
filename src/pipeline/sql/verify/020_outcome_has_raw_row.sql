-- every outcome belongs to exactly one raw row, of its stream
SELECT
    o.seq,
    o.stream,
    count(e.seq) AS raw_rows
FROM staging.outcome AS o
LEFT JOIN staging.event AS e ON o.seq = e.seq AND o.stream = e.stream
GROUP BY o.seq, o.stream
HAVING count(e.seq) <> 1
