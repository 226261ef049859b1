-- No rows: allows longer pauses in this transaction, because pages are written between its statements.
SET LOCAL idle_in_transaction_session_timeout = '60s'
