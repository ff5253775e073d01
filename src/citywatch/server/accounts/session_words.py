"""What the house keeps in a session beside what the libraries keep there."""

ENROLLED = "second_factor_enrolled"
"""When (seconds, wall time) the second factor was proven by setting it up in this very session."""
