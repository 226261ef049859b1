-- No rows: checks the constraints that the clean tables' owner deferred to the end of a transaction, so that a row that breaks one
-- makes its batch fail here.
SET CONSTRAINTS ALL IMMEDIATE
