"""Every option is read and checked before anything runs."""

import pytest

from circuitcheck.files import try_to_write
from circuitcheck.plugin.options.paths import baseline_path, registered_path, report_paths
from circuitcheck.plugin.options.replaced import any_models, given_models, given_saes
from circuitcheck.plugin.options.table import OPTIONS
from circuitcheck.plugin.options.values import check_printable, given, shard_of, time_budget, value_of
from circuitcheck.runs.condition import failing
from circuitcheck.settings import REPORT_FORMATS


def check_options(config: pytest.Config) -> None:
    """Every option is read once before anything runs. Raises UsageError."""
    for option in OPTIONS:
        check_printable(option, given(config, option.name))
    registered_path(config)
    time_budget(config)
    given_saes(config)
    shard_of(config)
    any_models(config)
    if not hasattr(config, "workerinput"):
        check_report_paths(config)
        check_baseline(config)


def check_baseline(config: pytest.Config) -> None:
    """Raises UsageError for what could not be compared or written, before hours of claims are spent."""
    models, path, update = given_models(config), baseline_path(config), value_of(config, "baseline_update")
    if value_of(config, "baseline_prompts") < 1:
        raise pytest.UsageError("--circuit-baseline-prompts: expected a number of prompts from 1.")
    try:
        failing(value_of(config, "compare_fail"))
    except ValueError as error:
        raise pytest.UsageError(f"--circuit-compare-fail {error}") from error
    if update == "none":
        return
    if path is None:
        raise pytest.UsageError("--circuit-baseline-update writes a baseline: name its file by --circuit-baseline FILE.")
    if models:
        raise pytest.UsageError(
            "--circuit-baseline-update with --circuit-model: a baseline is of the models that claims name. To accept a "
            "new model, write it into the claims."
        )
    try:
        try_to_write(path)
    except OSError as error:
        raise pytest.UsageError(f"--circuit-baseline {path} cannot be written: {error.strerror}.") from error


def check_report_paths(config: pytest.Config) -> None:
    """Raises UsageError for a format that is not there, or a place that cannot be written to: found out before hours of
    claims are spent."""
    for path in report_paths(config):
        if path.suffix not in REPORT_FORMATS:
            raise pytest.UsageError(
                f"--circuit-report {path}: no report of kind {path.suffix!r}; a path ends in {', '.join(REPORT_FORMATS)}."
            )
        try:
            try_to_write(path)
        except OSError as error:
            raise pytest.UsageError(
                f"--circuit-report {path} cannot be written: {error.strerror}. Name a path in a folder that can be written "
                f"to."
            ) from error
