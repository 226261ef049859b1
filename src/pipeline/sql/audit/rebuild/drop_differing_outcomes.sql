-- One row per outcome that is not the one that was derived anew.
DELETE FROM staging.outcome AS o
USING rebuilt_difference AS d
WHERE d.relation = 'outcome' AND o.seq = d.id
