"""CityWatch (城市卫哨): the public-health nerve system of one city."""

__version__ = "0.1.0"
