"""Doors for messages and files of other systems: read and write are pure, map turns values into one service call."""
