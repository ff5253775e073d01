"""What a city can live through: scenarios that run day by day with everything they send, and the demo's one story."""

from citywatch.simulation.scenarios.market_story import MarketStory, simulate_outbreak
from citywatch.simulation.scenarios.market_story import Outbreak as Outbreak
from citywatch.simulation.scenarios.market_story import Truth as Truth
from citywatch.simulation.scenarios.plans import SCENARIOS, Scenario
from citywatch.simulation.scenarios.running import Day, Ending, Run, RunState, run

__all__ = [
    "SCENARIOS",
    "Day",
    "Ending",
    "MarketStory",
    "Outbreak",
    "Run",
    "RunState",
    "Scenario",
    "Truth",
    "run",
    "simulate_outbreak",
]
