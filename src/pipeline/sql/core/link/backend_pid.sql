-- One row: the server's process of this connection.
SELECT pg_backend_pid() AS pid
