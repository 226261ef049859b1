-- One row: makes a cluster change its shards one after the other, until the transaction ends. Without it, the cluster refuses to change
-- the schema after a statement that has read many shards at once. On a single server the setting has no effect.
SELECT set_config('citus.multi_shard_modify_mode', 'sequential', TRUE) AS mode
