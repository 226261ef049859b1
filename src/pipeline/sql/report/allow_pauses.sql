-- For this transaction: pages are written between the statements, and a slow disk is no dead client.
SET LOCAL idle_in_transaction_session_timeout = '60s'
