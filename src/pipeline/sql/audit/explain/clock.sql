-- One row: the time, and the time of the first claim.
SELECT
    now() AS now,
    (SELECT staging.moment(min(c.tsp)) FROM claim AS c) AS first_claim_at
