-- The given tables of the doctor's office, and its 1,000 patients.
-- Runs on an empty database: as the compose database's init script, and when the embedded server is made. It can be run again.

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

-- Each claim and each diagnosis belongs to a patient. An enforced foreign key checks each row by itself, which costs as much as the row.
-- So these triggers check all rows of a statement together. They lock the patients until the transaction ends, as a foreign key does, so
-- that nobody deletes them meanwhile.
CREATE OR REPLACE FUNCTION public.require_patients()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan that was made for a few rows would be slow for many.
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    unknown_patient_id bigint;
BEGIN
    WITH needed_patient AS MATERIALIZED (
        SELECT DISTINCT n.patient_id
        FROM new_row AS n
        WHERE n.patient_id IS NOT NULL
    ),

    known_patient AS MATERIALIZED (
        SELECT p.id
        FROM needed_patient AS n
        INNER JOIN public.patient AS p ON n.patient_id = p.id
        FOR KEY SHARE OF p
    )

    SELECT n.patient_id INTO unknown_patient_id
    FROM needed_patient AS n
    LEFT JOIN known_patient AS k ON n.patient_id = k.id
    WHERE k.id IS NULL
    LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('a row of %I has a patient_id that no patient has', tg_table_name),
            DETAIL = format('There is no patient %s.', unknown_patient_id),
            TABLE = tg_table_name,
            SCHEMA = tg_table_schema,
            CONSTRAINT = format('%s_patient_id_fkey', tg_table_name);
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION public.keep_patients()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    gone_patient_ids bigint[];
    used_patient_id bigint;
    table_name text;
BEGIN
    SELECT array_agg(o.id) INTO gone_patient_ids
    FROM old_row AS o
    WHERE NOT EXISTS (SELECT FROM public.patient AS p WHERE p.id = o.id);
    IF gone_patient_ids IS NULL THEN
        RETURN NULL;
    END IF;
    -- In a snapshot, the rows that another transaction has just added would not be seen.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE feature_not_supported USING
            MESSAGE = 'a patient can be deleted, or get another id, in a transaction of the level READ COMMITTED only',
            HINT = 'Begin it with: BEGIN ISOLATION LEVEL READ COMMITTED';
    END IF;
    FOREACH table_name IN ARRAY ARRAY['claim', 'diagnose'] LOOP
        EXECUTE format(
            'SELECT g.id FROM unnest($1) AS g (id) WHERE EXISTS (SELECT FROM public.%I AS r WHERE r.patient_id = g.id) LIMIT 1',
            table_name
        ) INTO used_patient_id USING gone_patient_ids;
        IF used_patient_id IS NOT NULL THEN
            RAISE foreign_key_violation USING
                MESSAGE = format('a patient can''t be deleted while %I has rows of them', table_name),
                DETAIL = format('It is patient %s.', used_patient_id),
                TABLE = tg_table_name,
                SCHEMA = tg_table_schema,
                CONSTRAINT = format('%s_patient_id_fkey', table_name);
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER require_patients_of_inserted AFTER INSERT ON claim
REFERENCING NEW TABLE AS new_row FOR EACH STATEMENT EXECUTE FUNCTION public.require_patients();
CREATE OR REPLACE TRIGGER require_patients_of_updated AFTER UPDATE ON claim
REFERENCING NEW TABLE AS new_row FOR EACH STATEMENT EXECUTE FUNCTION public.require_patients();
CREATE OR REPLACE TRIGGER require_patients_of_inserted AFTER INSERT ON diagnose
REFERENCING NEW TABLE AS new_row FOR EACH STATEMENT EXECUTE FUNCTION public.require_patients();
CREATE OR REPLACE TRIGGER require_patients_of_updated AFTER UPDATE ON diagnose
REFERENCING NEW TABLE AS new_row FOR EACH STATEMENT EXECUTE FUNCTION public.require_patients();
CREATE OR REPLACE TRIGGER keep_deleted_patients AFTER DELETE ON patient
REFERENCING OLD TABLE AS old_row FOR EACH STATEMENT EXECUTE FUNCTION public.keep_patients();
CREATE OR REPLACE TRIGGER keep_updated_patients AFTER UPDATE ON patient
REFERENCING OLD TABLE AS old_row FOR EACH STATEMENT EXECUTE FUNCTION public.keep_patients();

-- The foreign keys still say what refers to what, but check no rows any more.
DO $$
DECLARE
    foreign_key record;
BEGIN
    FOR foreign_key IN
        SELECT
            c.conrelid::regclass AS table_name,
            c.conname
        FROM pg_constraint AS c
        WHERE
            c.conrelid IN ('claim'::regclass, 'diagnose'::regclass)
            AND c.contype = 'f'
            AND c.confrelid = 'patient'::regclass
            AND c.conenforced
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I NOT ENFORCED', foreign_key.table_name, foreign_key.conname);
    END LOOP;
END
$$;

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
-- A patient who was deleted does not come back.
WHERE NOT EXISTS (SELECT FROM patient);
