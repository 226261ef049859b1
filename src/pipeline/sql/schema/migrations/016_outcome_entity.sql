-- staging.outcome: the index that finds the raw rows of a clean row begins with the number, which is compared faster than the name of a
-- stream. Hardly any number is of two streams.
DROP INDEX staging.outcome_entity;

CREATE INDEX outcome_entity ON staging.outcome (entity_id, stream);
