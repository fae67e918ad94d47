"""The settings of a session that follow from options."""

from dataclasses import fields, replace

import pytest

from circuitcheck.files import expanded
from circuitcheck.plugin.options.paths import baseline_path
from circuitcheck.plugin.options.replaced import ANY_MODELS, given_models, given_saes
from circuitcheck.plugin.options.table import MODEL, OPTIONS, SAE
from circuitcheck.plugin.options.values import given, value_of
from circuitcheck.settings import Settings

_SETTINGS = tuple(each.name for each in fields(Settings) if any(option.name == each.name for option in OPTIONS))


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
