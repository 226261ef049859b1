-- No rows: sets the role's password. The verifier is what the server keeps of it.
ALTER ROLE office_ingest PASSWORD %(verifier)s
