"""Pages, API, terminal commands and the wiring of everything."""
