-- One row: how many raw rows a rebuild has to derive outcomes of.
SELECT
    (SELECT count(*) FROM staging.outcome)
    + (SELECT count(*) FROM lost_outcome) AS outcomes
