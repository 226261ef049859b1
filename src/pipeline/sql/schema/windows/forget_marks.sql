-- One row per mark: its window has another length now.
DELETE FROM analytics.dirty_window
