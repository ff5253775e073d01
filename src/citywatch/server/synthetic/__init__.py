"""The synthetic city outside the program: its plan from the registry's tables, and its files on disk."""
