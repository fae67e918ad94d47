"""Options, one definition each for the command line and the ini file, and what follows from them."""

from circuitcheck.plugin.options.checks import check_options
from circuitcheck.plugin.options.paths import baseline_path, figures_folder, journal_folder, registered_path, report_paths
from circuitcheck.plugin.options.replaced import ANY_MODELS, any_models, given_models, given_saes
from circuitcheck.plugin.options.settings import options_again, session_settings
from circuitcheck.plugin.options.table import ALL_OPTIONS, SAE, Option, add_options
from circuitcheck.plugin.options.values import explain, require_gpu, require_models, shard_of, time_budget, value_of

__all__ = [
    "ALL_OPTIONS",
    "ANY_MODELS",
    "SAE",
    "Option",
    "add_options",
    "any_models",
    "baseline_path",
    "check_options",
    "explain",
    "figures_folder",
    "given_models",
    "given_saes",
    "journal_folder",
    "options_again",
    "registered_path",
    "report_paths",
    "require_gpu",
    "require_models",
    "session_settings",
    "shard_of",
    "time_budget",
    "value_of",
]
