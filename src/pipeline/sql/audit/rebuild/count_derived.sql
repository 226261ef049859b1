-- One row: how many outcomes were derived anew.
SELECT count(*) AS outcomes
FROM rebuilt_outcome
