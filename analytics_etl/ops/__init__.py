"""The books: ledger of files, partitions, days, changes, results of checks, messages, audit. Callers own the transaction."""
