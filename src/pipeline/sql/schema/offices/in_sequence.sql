-- One row: on a cluster, this transaction uses one connection to each node, so that it can make views behind a look at spread tables.
-- Elsewhere the setting means nothing.
SELECT set_config('citus.multi_shard_modify_mode', 'sequential', TRUE) AS multi_shard_modify_mode
