UPDATE staging.merge_cursor SET duplicate = 2, conflict = 0 WHERE stream = 'claim';
