UPDATE staging.event SET payload = 'oops' WHERE seq = 5;
