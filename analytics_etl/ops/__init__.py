"""The books: the tables of the schema `ops`, which record what was done, and the statements that read and write them.

They are: the ledger of landing files, partitions, states of days, changes, check results, outbox, archives, audit log.
Each function takes a connection; the caller owns the transaction.
"""
