-- What arrived during a day on which nothing was merged: one transaction per event of a stream.
DO $$
DECLARE
    arrival record;
BEGIN
    FOR arrival IN
        SELECT
            w.stream,
            w.line,
            now() - interval '1 day' + w.number * (interval '1 day' / (SELECT max(number) FROM waiting)) AS received_at
        FROM waiting AS w
        ORDER BY w.number
    LOOP
        INSERT INTO staging.event (stream, payload, received_at) VALUES (arrival.stream, arrival.line, arrival.received_at);
        COMMIT;
    END LOOP;
END
$$
