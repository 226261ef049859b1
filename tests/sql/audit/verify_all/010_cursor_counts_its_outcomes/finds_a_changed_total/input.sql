UPDATE staging.merge_cursor SET duplicate = 3 WHERE stream = 'claim';
