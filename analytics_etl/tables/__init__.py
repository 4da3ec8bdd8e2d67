"""Tables: loading raw days, publishing windows of aggregates, refreshing views, archiving and dropping days."""
