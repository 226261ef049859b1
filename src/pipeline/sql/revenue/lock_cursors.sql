-- One row per stream. While these locks are held, no merge runs, so that none can set a mark.
SELECT c.stream
FROM staging.merge_cursor AS c
ORDER BY c.stream
FOR UPDATE
