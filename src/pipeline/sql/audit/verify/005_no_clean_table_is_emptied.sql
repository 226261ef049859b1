-- no clean table was emptied by someone after rows were merged into it
-- mended by: rebuild --apply, analytics
SELECT
    t.stream,
    t.in_words
FROM staging.emptied_table AS t
