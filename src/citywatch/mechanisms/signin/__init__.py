"""Signing in: how often a password may be tried, which sessions are open and until when, codes that work once.

Owns `Attempt`, `OpenSession` and `UsedCode`, all by wall time. The pages and the library's hooks are in
`server/accounts`; what somebody may do once inside is jurisdiction's.
"""
