"""The facts: tables, sessions, queries, and the writers of the ledger and the event log."""
