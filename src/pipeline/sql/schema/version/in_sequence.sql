-- One row: until the end of the transaction, a cluster changes its shards one after the other. Otherwise it refuses a change of the
-- schema after a statement that read many shards at once. On a single server the setting has no effect.
SELECT set_config('citus.multi_shard_modify_mode', 'sequential', TRUE) AS mode
