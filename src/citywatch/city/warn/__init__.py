"""Signals, proposals, events and alerts: what the machine claims, and what the desk makes of it."""
