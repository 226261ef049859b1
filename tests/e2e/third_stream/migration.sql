-- prescription: one row per prescription id: the first one that was merged stays.
CREATE TABLE prescription (
    id bigint PRIMARY KEY,
    drug text NOT NULL,
    units bigint NOT NULL,
    patient_id bigint NOT NULL REFERENCES patient (id),
    tsp timestamptz NOT NULL
);

CREATE INDEX prescription_tsp ON prescription (tsp);

COMMENT ON TABLE prescription IS 'What the office prescribed. One row per prescription id: the first one that was merged stays.';
COMMENT ON COLUMN prescription.id IS 'The number of the prescription, given by the office.';
COMMENT ON COLUMN prescription.drug IS 'The drug.';
COMMENT ON COLUMN prescription.units IS 'How many units of it.';
COMMENT ON COLUMN prescription.patient_id IS 'The patient it was prescribed for.';
COMMENT ON COLUMN prescription.tsp IS 'When it happened.';
