ALTER TABLE claim DROP CONSTRAINT claim_pkey;
CREATE UNIQUE INDEX ON claim (id) INCLUDE (code);
ALTER TABLE diagnose DROP CONSTRAINT diagnose_pkey;
CREATE UNIQUE INDEX ON diagnose (id) WHERE id > 0;
CREATE INDEX ON diagnose (id);
