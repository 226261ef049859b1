-- One row: a cluster may carry results of any size from node to node, until the transaction ends.
SELECT set_config('citus.max_intermediate_result_size', '-1', TRUE) AS allowed
