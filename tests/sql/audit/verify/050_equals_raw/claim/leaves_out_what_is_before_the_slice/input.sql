UPDATE claim SET price = 90.51 WHERE id = 10;
