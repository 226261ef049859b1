-- No rows: a cluster may carry results of any size from node to node, until the transaction ends.
SET LOCAL citus.max_intermediate_result_size = -1
