-- One row: until the end of the transaction, a cluster changes its shards one after the other. Otherwise it refuses to change the schema
-- behind a statement that looked at many shards at once. A single server takes no notice.
SELECT set_config('citus.multi_shard_modify_mode', 'sequential', TRUE) AS mode
