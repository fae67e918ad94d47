"""Options, one definition each for the command line and the ini file, and the settings that follow from them."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest

from circuitcheck.errors import BadSpec
from circuitcheck.files import expanded, try_to_write
from circuitcheck.models.several import listed_specs
from circuitcheck.runs.condition import failing
from circuitcheck.runs.models import replaced_models
from circuitcheck.settings import CORRECTIONS, DTYPES, FAST, LEDGER, REPORT_FORMATS, SCOPES, STORE, Settings
from circuitcheck.text import repeated

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
ANY_MODELS = "--circuit-models"
_SETTINGS = tuple(each.name for each in fields(Settings) if any(option.name == each.name for option in OPTIONS))
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


def given(config: pytest.Config, name: str) -> Any:
    """Command line, then ini file; None where neither says anything. Raises UsageError for an ini value of another type."""
    option = next(option for option in OPTIONS if option.name == name)
    value = config.getoption(option.flag)
    if value is not None:
        return value
    text = config.getini(option.ini)
    if not text:
        return None
    try:
        if not isinstance(text, str):
            raise TypeError(text)
        value = option.convert(text)
    except (TypeError, ValueError) as error:
        expected = {"str": "one text", "int": "a whole number", "float": "a number"}[option.convert.__name__]
        raise pytest.UsageError(f"ini option {option.ini} = {text!r}: expected {expected}") from error
    if option.choices and value not in option.choices:
        raise pytest.UsageError(f"ini option {option.ini} = {text!r}: expected one of {', '.join(option.choices)}")
    return value


def value_of(config: pytest.Config, name: str) -> Any:
    found = given(config, name)
    return next(option.default for option in OPTIONS if option.name == name) if found is None else found


def require_models(config: pytest.Config) -> bool:
    return _is_on(config, REQUIRE_MODELS)


def require_gpu(config: pytest.Config) -> bool:
    return _is_on(config, REQUIRE_GPU)


def explain(config: pytest.Config) -> bool:
    return _is_on(config, EXPLAIN)


def _is_on(config: pytest.Config, switch: Option) -> bool:
    return bool(config.getoption(switch.flag) or config.getini(switch.ini))


def shard_of(config: pytest.Config) -> tuple[int, int] | None:
    """(part, parts). Raises UsageError for what is none."""
    text = given(config, "shard")
    if text is None:
        return None
    part, slash, parts = str(text).partition("/")
    numbers = [int(each) if each.isascii() and each.isdigit() and len(each) < 6 else 0 for each in (part, parts)]
    if not slash or not 1 <= numbers[0] <= numbers[1]:
        raise pytest.UsageError(f"--circuit-shard {text!r}: expected I/N, the I-th of N parts, such as 2/4.")
    return numbers[0], numbers[1]


def any_models(config: pytest.Config) -> tuple[str, ...]:
    """Those of claims that take any; empty where nothing is said. Raises UsageError for what names none, or one twice."""
    text = given(config, "models")
    try:
        return () if text is None else listed_specs(str(text))
    except BadSpec as error:
        raise pytest.UsageError(f"{ANY_MODELS}: {error}") from error


def given_saes(config: pytest.Config) -> dict[str, str]:
    """{name: spec}: those of the ini file, and over them those of the command line. Raises UsageError for what is none, and
    for a name that the command line has twice."""
    lines = config.getini(SAE.ini)
    on_line = [_named_spec(given) for given in config.getoption(SAE.flag)]
    twice = repeated(name for name, _ in on_line)
    if twice:
        raise pytest.UsageError(f"{SAE.flag} names {twice[0]!r} twice: give one dictionary in its place.")
    in_file = [_named_spec(given) for given in (lines if isinstance(lines, list) else [lines])]
    return dict([*in_file, *on_line])


def _named_spec(given: object) -> tuple[str, str]:
    name, equals, spec = (part.strip() for part in str(given).partition("="))
    if not (equals and name.isidentifier() and spec and spec.isprintable()):
        raise pytest.UsageError(f"{SAE.flag} {given!r}: expected NAME=SPEC, such as query=checkpoints/l1h11-query-v2.")
    return name, spec


def given_models(config: pytest.Config) -> dict[str, str]:
    """{old spec: new spec}: those of the ini file, and over them those of the command line. Raises UsageError."""
    lines = config.getini(MODEL.ini)
    try:
        found = {
            **replaced_models([str(each) for each in (lines if isinstance(lines, list) else [lines])]),
            **replaced_models(config.getoption(MODEL.flag)),
        }
    except ValueError as error:
        raise pytest.UsageError(f"{MODEL.flag} {error}") from error
    chained = sorted(set(found) & set(found.values()))
    if chained:
        raise pytest.UsageError(f"{MODEL.flag}: {chained[0]!r} is replaced, and replaces another: name the last one.")
    return found


def baseline_path(config: pytest.Config) -> Path | None:
    """Raises UsageError for an ini option that is no path."""
    return _path_of(config, BASELINE)


def registered_path(config: pytest.Config) -> Path | None:
    """Raises UsageError for an ini option that is no path."""
    return _path_of(config, REGISTERED)


def _path_of(config: pytest.Config, option: Option) -> Path | None:
    """That of the command line, else that of the ini file, which is meant from its folder."""
    given = config.getoption(option.flag)
    if given:
        return Path(given)
    named = config.getini(option.ini)
    if not named:
        return None
    if not isinstance(named, str):
        raise pytest.UsageError(f"ini option {option.ini} = {named!r}: expected a path")
    return (config.inipath.parent if config.inipath else config.rootpath) / named


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


def time_budget(config: pytest.Config) -> float | None:
    """Raises UsageError for what is no number of seconds."""
    text = config.getini(TIME_BUDGET.ini)
    if not text:
        return None
    try:
        seconds = float(text)
    except (TypeError, ValueError):
        seconds = 0.0
    if not seconds > 0:
        raise pytest.UsageError(f"ini option {TIME_BUDGET.ini} = {text!r}: expected a number of seconds")
    return seconds


def check_options(config: pytest.Config) -> None:
    """Every option is read once before anything runs. Raises UsageError."""
    for option in OPTIONS:
        value = given(config, option.name)
        if isinstance(value, str) and not value.isprintable():
            raise pytest.UsageError(f"{option.flag} {value!r}: a control character can be no part of it.")
    time_budget(config)
    given_saes(config)
    shard_of(config)
    any_models(config)
    if not hasattr(config, "workerinput"):
        check_report_paths(config)
        check_baseline(config)


def session_settings(config: pytest.Config) -> Settings:
    """Raises UsageError for values that no run could use."""
    try:
        settings = Settings(**{name: value_of(config, name) for name in _SETTINGS})
    except ValueError as error:
        name, _, rest = str(error).partition("=")
        raise pytest.UsageError(f"--circuit-{name.replace('_', '-')} {rest}") from error
    if settings.cache not in ("auto", "off"):
        settings = replace(settings, cache=str(config.rootpath / expanded(settings.cache)))
    if settings.store != "off":
        settings = replace(settings, store=str(config.rootpath / expanded(settings.store)))
    if baseline_path(config) is not None or given(config, "baseline_prompts") is not None:
        settings = replace(settings, fixed=value_of(config, "baseline_prompts"))
    if settings.samples < settings.first_look:
        raise pytest.UsageError(
            f"--circuit-samples {settings.samples} ends before the first look at {settings.first_look} prompts; "
            f"allow at least {settings.first_look}."
        )
    return settings


def options_again(config: pytest.Config) -> list[str]:
    """For the command line, to run a claim again as it is run here: what decides how it is run, where it was said."""
    options = [(option, given(config, option.name)) for option in OPTIONS if option.name in _SETTINGS]
    said = [f"{option.flag}={value}" for option, value in options if value is not None]
    models = given(config, "models")
    return [
        *said,
        *([f"{ANY_MODELS}={models}"] if models is not None else ()),
        *(f"{MODEL.flag}={old}={new}" for old, new in given_models(config).items()),
        *(f"{SAE.flag}={name}={spec}" for name, spec in given_saes(config).items()),
    ]


def journal_folder(config: pytest.Config) -> Path | None:
    folder = value_of(config, "journal")
    return None if folder == "off" else config.rootpath / folder


def figures_folder(config: pytest.Config) -> Path | None:
    folder = value_of(config, "figures")
    return None if folder == "off" else config.rootpath / folder


def report_paths(config: pytest.Config) -> list[Path]:
    """Those of the command line, else those of the ini file, which are meant from its folder."""
    given = config.getoption(REPORT.flag)
    if given:
        return [Path(text) for text in given]
    beside = config.inipath.parent if config.inipath else config.rootpath
    named = config.getini(REPORT.ini)
    if not all(isinstance(each, str) for each in named):
        raise pytest.UsageError(f"ini option {REPORT.ini} = {named!r}: expected paths")
    return [beside / text for text in named]


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
