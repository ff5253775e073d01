"""Natural histories of the diseases a synthetic city can have, one module each, and how they spread along visits."""

from typing import Final

from citywatch.simulation.disease.covid import COVID
from citywatch.simulation.disease.foodborne import FOODBORNE
from citywatch.simulation.disease.hfmd import HFMD
from citywatch.simulation.disease.history import Care, NaturalHistory
from citywatch.simulation.disease.influenza import INFLUENZA
from citywatch.simulation.disease.norovirus import NOROVIRUS
from citywatch.simulation.disease.told import Contamination, Course, Epidemic, Infection

DISEASES: Final = {history.code: history for history in (COVID, INFLUENZA, NOROVIRUS, HFMD, FOODBORNE)}

__all__ = ["DISEASES", "Care", "Contamination", "Course", "Epidemic", "Infection", "NaturalHistory"]
