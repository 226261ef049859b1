-- One row: the day that is exported in this transaction. COPY takes no parameters, so it reads these settings.
SELECT
    set_config('office.exported_from', coalesce(%(begins_at)s::timestamptz, '-infinity')::text, TRUE) AS exported_from,
    set_config('office.exported_until', %(ends_at)s::timestamptz::text, TRUE) AS exported_until
