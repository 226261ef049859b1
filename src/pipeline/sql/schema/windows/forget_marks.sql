-- One row per mark: it is deleted, because windows have another length now.
DELETE FROM analytics.dirty_window
