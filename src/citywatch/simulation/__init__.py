"""A synthetic city with known truth, sending the reports a real city would send.

It imports numpy and nothing of the house but `citywatch.science`; the server hands it a plan and carries what it
returns through the same doors a clinic uses. Every person is invented.
"""
