UPDATE staging.outcome SET stream = 'claim' WHERE seq = 7;
