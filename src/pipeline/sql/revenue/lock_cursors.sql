-- One row per stream: while these locks are held no merge is under way, so that nothing can be marked behind our back.
SELECT c.stream
FROM staging.merge_cursor AS c
ORDER BY c.stream
FOR UPDATE
