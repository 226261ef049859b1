-- No rows: the role's password, given as the verifier that the server keeps.
ALTER ROLE office_auditor PASSWORD %(verifier)s
