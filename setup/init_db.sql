-- The given tables of the doctor's office, and its 1,000 patients.
-- Runs once, on an empty database: as the compose database's init script, and when the embedded server is made.

CREATE TABLE IF NOT EXISTS patient (
    id bigint PRIMARY KEY,
    first_name text NOT NULL,
    last_name text NOT NULL,
    date_of_birth date NOT NULL
);

COMMENT ON TABLE patient IS 'The people the office treats. One row per patient.';
COMMENT ON COLUMN patient.id IS 'The patient''s number, which claims and diagnoses refer to.';
COMMENT ON COLUMN patient.first_name IS 'First name (made up).';
COMMENT ON COLUMN patient.last_name IS 'Last name (made up).';
COMMENT ON COLUMN patient.date_of_birth IS 'Date of birth (made up).';

CREATE TABLE IF NOT EXISTS claim (
    id bigint PRIMARY KEY,
    code text NOT NULL,
    price numeric(12, 2) NOT NULL,
    patient_id bigint NOT NULL REFERENCES patient (id),
    tsp timestamptz NOT NULL
);

COMMENT ON TABLE claim IS 'What the office bills. One row per claim id: the first one that was merged stays.';
COMMENT ON COLUMN claim.id IS 'The claim''s number, given by the office.';
COMMENT ON COLUMN claim.code IS 'Code of the procedure; text, so that 03230 keeps its zero.';
COMMENT ON COLUMN claim.price IS 'What the procedure costs, in the office''s currency.';
COMMENT ON COLUMN claim.patient_id IS 'The patient it was done for.';
COMMENT ON COLUMN claim.tsp IS 'When it happened: the event''s own time where it has one, else when it was received.';

CREATE TABLE IF NOT EXISTS diagnose (
    id bigint PRIMARY KEY,
    icd10_code text NOT NULL,
    patient_id bigint NOT NULL REFERENCES patient (id),
    tsp timestamptz NOT NULL
);

COMMENT ON TABLE diagnose IS 'What the office diagnosed. One row per diagnose id: the first one that was merged stays.';
COMMENT ON COLUMN diagnose.id IS 'The diagnosis'' number, given by the office.';
COMMENT ON COLUMN diagnose.icd10_code IS 'ICD-10-CM code with its dot, such as R41.3.';
COMMENT ON COLUMN diagnose.patient_id IS 'The patient who was diagnosed.';
COMMENT ON COLUMN diagnose.tsp IS 'When it happened: the event''s own time where it has one, else when it was received.';

-- A fixed seed, so that every installation has the same patients.
SELECT setseed(0.413);

INSERT INTO patient (id, first_name, last_name, date_of_birth)
SELECT
    number AS id,
    (
        ARRAY[
            'Ada', 'Ben', 'Clara', 'David', 'Elif', 'Farid', 'Grace', 'Hugo', 'Ines', 'Jonas',
            'Kira', 'Luis', 'Mina', 'Noah', 'Olga', 'Pablo', 'Quinn', 'Rosa', 'Samir', 'Tara'
        ]
    )[1 + floor(random() * 20)::integer] AS first_name,
    (
        ARRAY[
            'Abel', 'Berger', 'Castro', 'Dubois', 'Eriksen', 'Fischer', 'Garcia', 'Huber', 'Ivanova', 'Jensen',
            'Kaya', 'Lopez', 'Meyer', 'Novak', 'Okafor', 'Petrov', 'Rossi', 'Schmidt', 'Tanaka', 'Weber'
        ]
    )[1 + floor(random() * 20)::integer] AS last_name,
    date '1935-01-01' + floor(random() * 30000)::integer AS date_of_birth
FROM generate_series(1, 1000) AS number
ON CONFLICT (id) DO NOTHING;
