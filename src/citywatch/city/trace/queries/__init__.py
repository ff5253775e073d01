"""Questions about investigations, cases and contacts, each answered for one viewer."""

from citywatch.city.trace.queries.candidates import Beside, Candidate, beside, second_ring
from citywatch.city.trace.queries.cases import (
    case,
    case_by_barcode,
    is_interviewed,
    may_see_investigation,
    stays,
)
from citywatch.city.trace.queries.chains import ChainNode, ChainTree, Offspring, chain_graph_of
from citywatch.city.trace.queries.contacts import (
    Line,
    contact,
    contacts_of,
    contacts_waiting,
    late_contacts,
    lines,
    worklist,
)
from citywatch.city.trace.queries.investigations import (
    HISTORY,
    Dossier,
    Happening,
    case_counts,
    curve,
    dossier,
    investigation_facts,
    investigation_for_event,
    investigations,
    map_of,
    ranking,
    source_clocks,
)
from citywatch.city.trace.queries.places import find_places, place_names, place_typed, risk_points
from citywatch.city.trace.queries.source_lock import Milestone, SourceLock, source_lock
from citywatch.city.trace.queries.timeline import Day, Timeline, captured_at, may_see_records, timeline
from citywatch.city.trace.queries.what_if import Ranking, RankLine, what_if

__all__ = [
    "HISTORY",
    "Beside",
    "Candidate",
    "ChainNode",
    "ChainTree",
    "Day",
    "Dossier",
    "Happening",
    "Line",
    "Milestone",
    "Offspring",
    "RankLine",
    "Ranking",
    "SourceLock",
    "Timeline",
    "beside",
    "captured_at",
    "case",
    "case_by_barcode",
    "case_counts",
    "chain_graph_of",
    "contact",
    "contacts_of",
    "contacts_waiting",
    "curve",
    "dossier",
    "find_places",
    "investigation_facts",
    "investigation_for_event",
    "investigations",
    "is_interviewed",
    "late_contacts",
    "lines",
    "map_of",
    "may_see_investigation",
    "may_see_records",
    "place_names",
    "place_typed",
    "ranking",
    "risk_points",
    "second_ring",
    "source_clocks",
    "source_lock",
    "stays",
    "timeline",
    "what_if",
    "worklist",
]
