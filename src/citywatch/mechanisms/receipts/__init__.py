"""Proof of what arrived: bytes sealed, hash, source, time and count are stored before anything is parsed.

Always: received = stored + duplicate + quarantined. Rows that cannot be stored wait in quarantine with the reason.
"""
