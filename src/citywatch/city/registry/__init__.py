"""Places, organisations, institutions, staff and roles: what outlives the work. All areas may read its models."""
