"""Who infected whom: `pairs` counts what was told, `likelihood` weighs what was not, `offspring` says how unevenly.

`arborescence` holds the two facts of graph theory this rests on. From genomes and dates alone see `genomes`, from
counts per day `reproduction`.
"""

from citywatch.science.chains.arborescence import best_arborescence, edge_support
from citywatch.science.chains.likelihood import (
    InfectorTree,
    SerialInterval,
    fit_serial_interval,
    infector_tree,
    infector_weights,
)
from citywatch.science.chains.offspring import Offspring, fit_offspring
from citywatch.science.chains.pairs import UNREACHED, Chains, serial_intervals, trace_chains

__all__ = [
    "UNREACHED",
    "Chains",
    "InfectorTree",
    "Offspring",
    "SerialInterval",
    "best_arborescence",
    "edge_support",
    "fit_offspring",
    "fit_serial_interval",
    "infector_tree",
    "infector_weights",
    "serial_intervals",
    "trace_chains",
]
