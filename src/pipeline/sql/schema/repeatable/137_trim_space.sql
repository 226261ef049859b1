-- staging.trim_space: one row per call: a text without the white space around it: that of Unicode, and the spaces without width.
CREATE OR REPLACE FUNCTION staging.trim_space(written text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT
    btrim(
        written,
        E' \t\n\r\x0b\f\x1c\x1d\x1e\x1f\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b'
        '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff'
    )
$$;

COMMENT ON FUNCTION staging.trim_space(text) IS
'A text without the white space around it, of any kind: spaces, tabs, line ends, no-break spaces, spaces without width.';
