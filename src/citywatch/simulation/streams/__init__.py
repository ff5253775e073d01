"""What sites send: ordinary days, rows in the forms' own words, batches, and laboratory results.

Column names and codes equal those of the city's forms; a test of the server holds them equal. Who is infected is not
known here: the scenario hands in the reports its cases cause.
"""

from citywatch.simulation.streams.absence import Absence, AbsenceState, Register
from citywatch.simulation.streams.ordinary import (
    DAILY,
    DRUG_SHARE,
    SYMPTOM_SHARE,
    Ordinary,
    ordinary_reports,
    outpatients,
)
from citywatch.simulation.streams.post import Post, PostState, Sent
from citywatch.simulation.streams.rows import (
    FORM_OF_STREAM,
    ZERO_REPORT,
    Batch,
    LabResult,
    Report,
    card_report,
    fever_report,
    occupation,
    sale_report,
    symptom_report,
)
from citywatch.simulation.streams.sending import batches, lab_results, label_samples
from citywatch.simulation.streams.sites import Catchment, Sites, open_sites, within_opening

__all__ = [
    "DAILY",
    "DRUG_SHARE",
    "FORM_OF_STREAM",
    "SYMPTOM_SHARE",
    "ZERO_REPORT",
    "Absence",
    "AbsenceState",
    "Batch",
    "Catchment",
    "LabResult",
    "Ordinary",
    "Post",
    "PostState",
    "Register",
    "Report",
    "Sent",
    "Sites",
    "batches",
    "card_report",
    "fever_report",
    "lab_results",
    "label_samples",
    "occupation",
    "open_sites",
    "ordinary_reports",
    "outpatients",
    "sale_report",
    "symptom_report",
    "within_opening",
]
