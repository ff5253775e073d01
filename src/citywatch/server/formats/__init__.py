"""How dates and numbers are written on pages, by language; the clock is always the 24-hour one."""
