-- One row: how many workers a coordinator has that take rows; 0 on a worker itself. Only a database with the extension can answer.
SELECT count(*) AS workers
FROM pg_catalog.pg_dist_node AS n
WHERE n.noderole = 'primary' AND n.isactive AND n.shouldhaveshards AND n.groupid <> 0 AND pg_catalog.citus_is_coordinator()
