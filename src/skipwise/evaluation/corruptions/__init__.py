"""The common corruptions of images, to test how networks stand them (Hendrycks and Dietterich 2019)."""

from skipwise.evaluation.corruptions.apply import corrupt
from skipwise.evaluation.corruptions.sheet import contact_sheet
from skipwise.evaluation.corruptions.table import CORRUPTIONS, SEVERITIES, Corruption

__all__ = ["CORRUPTIONS", "SEVERITIES", "Corruption", "contact_sheet", "corrupt"]
