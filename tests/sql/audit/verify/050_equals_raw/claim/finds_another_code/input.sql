UPDATE claim SET code = '3230' WHERE id = 11;
