-- One row: how long each statement of the transaction may take from here on, and how long it may wait for a lock.
SELECT
    set_config('statement_timeout', %(statement_timeout)s, TRUE) AS statement_timeout,
    set_config('lock_timeout', %(lock_timeout)s, TRUE) AS lock_timeout
