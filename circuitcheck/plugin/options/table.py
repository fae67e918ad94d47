"""The table of options: one definition each for the command line and the ini file."""

from dataclasses import dataclass
from typing import Any

import pytest

from circuitcheck.settings import CORRECTIONS, DTYPES, FAST, LEDGER, SCOPES, STORE, Settings

_DEFAULTS = Settings()


@dataclass(frozen=True)
class Option:
    """`--circuit-NAME` on the command line, `circuit_NAME` in the ini file."""

    name: str
    help: str
    convert: type = str
    default: Any = None
    choices: tuple[str, ...] | None = None
    metavar: str | None = None
    ini_only: bool = False

    @property
    def flag(self) -> str:
        return "--circuit-" + self.name.replace("_", "-")

    @property
    def ini(self) -> str:
        return "circuit_" + self.name


OPTIONS = (
    Option("device", "where models run: auto, cpu, cuda or cuda:N", default=_DEFAULTS.device),
    Option("engine", "what runs models: local, or an engine that an extension registered", default=_DEFAULTS.engine),
    Option(
        "fast",
        "run only the layers, tokens and logits that an intervention can change; off runs every pass whole",
        default=_DEFAULTS.fast,
        choices=FAST,
    ),
    Option("dtype", "dtype of the weights", default=_DEFAULTS.dtype, choices=DTYPES),
    Option("seed", "seed of the prompt streams", int, _DEFAULTS.seed),
    Option("first_look", "prompts at the first look, and so the fewest for one question", int, _DEFAULTS.first_look),
    Option(
        "samples",
        "the most prompts that one question may take; cc.forall takes what its rate= and prompts= ask for",
        int,
        _DEFAULTS.samples,
    ),
    Option("confidence", "two-sided confidence of the intervals; a claim's own comes first", float, _DEFAULTS.confidence),
    Option("scope", "what claims are about, where they do not say it themselves", default=_DEFAULTS.scope, choices=SCOPES),
    Option(
        "correction", "advice on all claims together at the end; no verdict changes", default="none", choices=CORRECTIONS
    ),
    Option("inconclusive", "what an inconclusive claim does to its test", default="fail", choices=("fail", "skip")),
    Option(
        "counterexamples",
        "folder for prompts that violated cc.forall, tried first next time; off for none",
        default=".circuitcheck/counterexamples",
        metavar="FOLDER|off",
    ),
    Option(
        "doctor",
        "folder for what `circuitcheck doctor` found out about models; off for no checks",
        default=".circuitcheck/doctor",
        metavar="FOLDER|off",
    ),
    Option(
        "ledger",
        "file that remembers which questions were asked and looked at, so that other seeds and budgets are seen; off for "
        "none",
        default=LEDGER,
        metavar="PATH|off",
    ),
    Option(
        "journal",
        "folder for journals, which hold each result as it arrives (`circuitcheck report FILE` reads one); off for none",
        default=".circuitcheck/journals",
        metavar="FOLDER|off",
    ),
    Option(
        "figures",
        "folder for the pictures that claims show (`cc.show`), one SVG file each; off for none",
        default="off",
        metavar="FOLDER|off",
    ),
    Option(
        "cache",
        "folder for GGUF files as they were converted, which load in seconds; off for none; auto is the user's cache folder",
        default=_DEFAULTS.cache,
        metavar="FOLDER|off",
    ),
    Option(
        "store",
        "folder of the store of values: what was measured is not measured again, by any later run; off for none",
        default=STORE,
        metavar="FOLDER|off",
    ),
    Option(
        "store_mb", "the most megabytes in the store of values; the least recently used go first", int, _DEFAULTS.store_mb
    ),
    Option(
        "baseline_update",
        "what to write to the baseline: none, claims that are new in it, or all that ran, in the place of what it held",
        default="none",
        choices=("none", "new", "all"),
    ),
    Option(
        "baseline_prompts",
        "prompts that each question measures however early it is decided, so that runs can be compared on them; "
        "where a baseline is given, or this option",
        int,
        192,
    ),
    Option(
        "compare_fail",
        "when drift from the baseline fails the run: broke (or an error now), moved (or broke), or a condition such as "
        "'broke or orphans > 0'",
        default="broke",
        metavar="broke|moved|EXPR",
    ),
    Option(
        "models",
        "the models of each claim that says model=cc.any_model; braces stand for several: pythia-160m@step{512,4000}",
        metavar="SPEC[,SPEC]",
    ),
    Option("summary", "verdict table at the end", default="auto", choices=("auto", "off")),
    Option(
        "shard",
        "run the I-th of N parts of the suite; a test's name decides where it is; `circuitcheck report merge` joins reports",
        metavar="I/N",
    ),
)
# These are read in ways of their own: a flag without a value, a list, and one that is in the ini file only.
REQUIRE_MODELS = Option("require_models", "a model that cannot be had is an error, not a skip", bool, False)
REQUIRE_GPU = Option("require_gpu", "an error at the start where models would not run on a CUDA device", bool, False)
EXPLAIN = Option("explain", "after the table, say of each claim how its passes were run, and why", bool, False)
_SWITCHES = (REQUIRE_MODELS, REQUIRE_GPU, EXPLAIN)
REPORT = Option(
    "report",
    "write the whole result to PATH: .json for programs, .html for people, .md for a pull request; repeatable; in the ini "
    "file one path a line",
    metavar="PATH",
)
BASELINE = Option(
    "baseline",
    "compare with what claims came to before: a text file to commit, with its values in FILE.values beside it",
    metavar="FILE",
)
REGISTERED = Option(
    "registered",
    "say of each claim whether it was registered before it was measured: a file of `circuitcheck register`",
    metavar="FILE",
)
MODEL = Option(
    "model",
    "the model NEW in the place of OLD in all claims that name it; repeatable; in the ini file one OLD=NEW a line",
    metavar="OLD=NEW",
)
SAE = Option(
    "sae",
    "SPEC in the place of the dictionary that claims call NAME; repeatable; in the ini file one NAME=SPEC a line",
    metavar="NAME=SPEC",
)
TIME_BUDGET = Option(
    "time_budget",
    "seconds that the claims of one run should take; the summary says how many they took; nothing is stopped",
    float,
    ini_only=True,
)
ALL_OPTIONS = (*OPTIONS, *_SWITCHES, REPORT, BASELINE, REGISTERED, MODEL, SAE, TIME_BUDGET)


def add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("circuitcheck", "circuit hypotheses")
    for option in OPTIONS:
        group.addoption(
            option.flag,
            type=option.convert,
            default=None,
            choices=option.choices,
            metavar=option.metavar,
            help=option.help,
        )
        parser.addini(option.ini, option.help, default=None)
    for switch in _SWITCHES:
        group.addoption(switch.flag, action="store_true", default=None, help=switch.help)
        parser.addini(switch.ini, switch.help, type="bool", default=False)
    group.addoption(REPORT.flag, action="append", default=[], metavar=REPORT.metavar, help=REPORT.help)
    parser.addini(REPORT.ini, REPORT.help, type="linelist", default=[])
    for option in (BASELINE, REGISTERED):
        group.addoption(option.flag, default=None, metavar=option.metavar, help=option.help)
        parser.addini(option.ini, option.help, default=None)
    group.addoption(MODEL.flag, action="append", default=[], metavar=MODEL.metavar, help=MODEL.help)
    parser.addini(MODEL.ini, MODEL.help, type="linelist", default=[])
    group.addoption(SAE.flag, action="append", default=[], metavar=SAE.metavar, help=SAE.help)
    parser.addini(SAE.ini, SAE.help, type="linelist", default=[])
    parser.addini(TIME_BUDGET.ini, TIME_BUDGET.help)
