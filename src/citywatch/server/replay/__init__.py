"""A simulated city's folder sent through the doors of a real system, and what that said held against the truth."""
