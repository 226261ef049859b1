-- One row: how many outcomes can't be derived anew because their raw row is gone.
SELECT count(*) AS outcomes
FROM rebuilt_difference AS d
WHERE
    d.relation = 'outcome'
    AND d.kind = 'surplus'
    AND NOT EXISTS (
        SELECT FROM raw_row AS e
        WHERE e.seq = d.id
    )
