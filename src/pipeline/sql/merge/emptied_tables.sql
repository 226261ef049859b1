-- One row per clean table that somebody has emptied although rows were merged into it, with what is wrong in words.
-- Who reads a table keeps it from being emptied until the transaction ends.
SELECT
    t.stream,
    t.merged,
    t.in_words
FROM staging.emptied_table AS t
ORDER BY t.stream
