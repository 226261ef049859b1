-- The claim stood there before the first raw row came.
UPDATE staging.outcome SET fate = 'duplicate' WHERE seq = 1;
