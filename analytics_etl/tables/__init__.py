"""Writing tables: loading raw days, publishing windows, refreshing views, archiving and dropping days."""
