-- One row: lifts the limit on the size of results that the nodes of a cluster send each other, until the transaction ends.
SELECT set_config('citus.max_intermediate_result_size', '-1', TRUE) AS allowed
