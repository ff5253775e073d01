"""The event log: what was reported and who was where, as columns in immutable Parquet segments.

It holds pseudonyms only and can be rebuilt from the journal (visits excepted: they are a bulk feed). It knows no
Django and no clock; the days and instants it needs are handed in.
"""
