-- One row: how many tables it analyzed, because a batch of so many raw rows has doubled them.
SELECT staging.analyze_grown(%(rows)s) AS analyzed
