"""The demo: a synthetic city in June 2020, replayed through a real one's doors, and the scripted other roles."""
