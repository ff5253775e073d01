"""Shared machinery, each mechanism once: forms, lifecycle, jurisdiction, journal, vault, receipts."""
