"""A copy of the whole installation that belongs together, and bringing it back somewhere else.

Database, event log and journal heads go to one folder; the keys go to another, for another safe: either alone tells
nothing about anybody. A backup counts once it has been restored: `citywatch backup --drill` does, and compares.
"""
