"""The books: ledger of files, partitions, days, changes, checks, messages, audit. Callers own the transaction."""
