"""The demo: a synthetic city in June 2020, replayed through the same doors as a real one, and the scripted other roles."""
