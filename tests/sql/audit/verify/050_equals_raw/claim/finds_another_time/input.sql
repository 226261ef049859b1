UPDATE claim SET tsp = tsp + interval '1 microsecond' WHERE id = 11;
