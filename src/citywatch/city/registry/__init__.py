"""Places, organisations, institutions, staff and roles: what outlives the work. The only area whose models all others may read."""
