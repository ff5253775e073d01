"""One append that is both the audit trail and the outbox.

Owns `Entry` (hash-chained per writer, never changed) and the cursors of those who follow it. Entries hold no plaintext
identity: persons appear by vault pseudonym or number.
"""
