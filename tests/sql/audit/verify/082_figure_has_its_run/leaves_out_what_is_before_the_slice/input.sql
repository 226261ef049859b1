UPDATE analytics.quality_run SET verdict = 'running', finished_at = NULL;
