"""Prompts from a file of one's own: JSONL, CSV, Parquet."""

from circuitcheck.prompts.records.parsing import read_records
from circuitcheck.prompts.records.record import Record
from circuitcheck.prompts.records.source import RecordSource
from circuitcheck.prompts.records.writing import write_records

__all__ = ["Record", "RecordSource", "read_records", "write_records"]
