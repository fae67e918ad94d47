"""What pytest's header says. It stands in every run, so nothing of claims is imported for it."""

from importlib.metadata import version

from circuitcheck.settings import Settings


def header(settings: Settings) -> str:
    return (
        f"circuitcheck {version('circuitcheck')}: device {settings.device}, {settings.dtype}, seed {settings.seed}, "
        f"confidence {settings.confidence:g}, looks at {settings.first_look} to {settings.samples} prompts"
    )
