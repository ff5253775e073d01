"""What the city does: registry, sense, lab, care, warn, trace, protect, respond, report. An area imports only areas below it."""
