"""Reports: they read results and compute nothing."""

from circuitcheck.report.environment import environment
from circuitcheck.report.figures import with_few_pictures, write_figures
from circuitcheck.report.formats import write_report
from circuitcheck.report.journal import Journal, read_journal
from circuitcheck.report.json_report import SCHEMA_VERSION, load_schema, validator, whole_report
from circuitcheck.report.log import ClaimLog
from circuitcheck.report.merging import merged
from circuitcheck.report.passes import pass_lines
from circuitcheck.report.reading import read_run
from circuitcheck.report.remarks import wrong_with_run
from circuitcheck.report.step_summary import add_step_summary
from circuitcheck.report.table import write_table

__all__ = [
    "SCHEMA_VERSION",
    "ClaimLog",
    "Journal",
    "add_step_summary",
    "environment",
    "load_schema",
    "merged",
    "pass_lines",
    "read_journal",
    "read_run",
    "validator",
    "whole_report",
    "with_few_pictures",
    "write_figures",
    "write_report",
    "write_table",
    "wrong_with_run",
]
