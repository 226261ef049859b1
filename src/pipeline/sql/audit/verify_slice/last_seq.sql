-- One row: the last raw row so far, gone ones included. What arrives later can't be in one of several counts only.
SELECT
    greatest(
        (SELECT max(e.seq) FROM staging.event AS e),
        (SELECT max(o.seq) FROM staging.outcome AS o),
        0
    ) AS last_seq
