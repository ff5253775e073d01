"""What the city does, area by area: registry, sense, lab, warn, trace, respond, report."""
