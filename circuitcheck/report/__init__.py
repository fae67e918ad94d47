"""Reports: they read results and compute nothing."""

from circuitcheck.report.environment import environment
from circuitcheck.report.journal import Journal, read_journal
from circuitcheck.report.json_report import SCHEMA_VERSION, load_schema, whole_report, write_json
from circuitcheck.report.log import ClaimLog
from circuitcheck.report.table import write_table

__all__ = [
    "SCHEMA_VERSION",
    "ClaimLog",
    "Journal",
    "environment",
    "load_schema",
    "read_journal",
    "whole_report",
    "write_json",
    "write_table",
]
