"""Where the cases were infected: places ranked by evidence, with the traps of the question known by name.

`counts` judges places by one two-by-two table each; `origins` judges whole histories of days against everyone else's;
`homes` finds who lives together; `nearest` has only addresses and candidate sources; `power` and `settling` say how
many interviews more would settle it, the one over histories, the other over counts. For meals and habits asked one by
one see `exposures`, for goods `goods`.
"""

from citywatch.science.sources.counts import PlaceRanking, log_hypergeometric_tail, rank_places
from citywatch.science.sources.homes import shared_homes
from citywatch.science.sources.nearest import NearestRanking, rank_nearest
from citywatch.science.sources.origins import CaseDays, Origins, Settings, infection_window, rank_origins
from citywatch.science.sources.power import interviews_needed
from citywatch.science.sources.presence import Presence, presence_of
from citywatch.science.sources.settling import interviews_to_settle
from citywatch.science.sources.tail import log_weighted_tail

__all__ = [
    "CaseDays",
    "NearestRanking",
    "Origins",
    "PlaceRanking",
    "Presence",
    "Settings",
    "infection_window",
    "interviews_needed",
    "interviews_to_settle",
    "log_hypergeometric_tail",
    "log_weighted_tail",
    "presence_of",
    "rank_nearest",
    "rank_origins",
    "rank_places",
    "shared_homes",
]
