"""What is said of one option: on the command line, in the ini file, or nowhere."""

from typing import Any

import pytest

from circuitcheck.plugin.options.table import EXPLAIN, OPTIONS, REQUIRE_GPU, REQUIRE_MODELS, TIME_BUDGET, Option


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


def check_printable(option: Option, value: object) -> None:
    """What is said of it later goes to a terminal. Raises UsageError."""
    if isinstance(value, str) and not value.isprintable():
        raise pytest.UsageError(f"{option.flag} {value!r}: a control character can be no part of it.")


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
