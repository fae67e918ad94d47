"""The selftest's results as a table, for the terminal and for `docs/`."""

from collections.abc import Sequence

from circuitcheck.selftest.rates import NOMINAL, Measured, Rates

HEADS = (
    "what is measured",
    "claims",
    "false support",
    "false refutation",
    "power",
    "prompts to a verdict",
    "wrong verdicts",
    "warned",
    "known exception",
)


def rows(measured: Sequence[Measured]) -> list[tuple[str, ...]]:
    """One row of cells for each kind of number."""
    return [
        (
            each.name,
            *_borderline(each.borderline),
            _power(each),
            "-" if each.true is None else f"{each.true.mean_prompts:.0f}",
            _wrong(each),
            _warned(each.borderline),
            each.known or "-",
        )
        for each in measured
    ]


def as_text(measured: Sequence[Measured]) -> str:
    cells = [HEADS, *rows(measured)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEADS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)


def as_markdown(measured: Sequence[Measured]) -> str:
    lines = [HEADS, tuple("---" for _ in HEADS), *rows(measured)]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def legend(distance: float) -> str:
    return (
        f"False support and false refutation: of claims whose threshold is the true number itself, nominal {NOMINAL:.1%} "
        f"each, with 95% intervals. Power, prompts and wrong verdicts: of claims whose threshold is {distance:g} standard "
        f"deviations away (prompts, on the true side). Warned: of the verdicts on the threshold, all of them wrong, those "
        f"that carry a warning. Of drift: on the threshold is a change as large as its margin, support that it holds, "
        f"refutation an alarm, nominal {NOMINAL / 2:.2%} each; power is how often a change of a tenth of the margin holds, "
        f"and how often one of three times the margin alarms."
    )


def _borderline(rates: Rates | None) -> tuple[str, str, str]:
    if rates is None:
        return "-", "-", "-"
    return str(rates.claims), _rate(rates, "supported"), _rate(rates, "refuted")


def _power(each: Measured) -> str:
    if each.true is None:
        return "-"
    found = f"{each.true.rate('supported'):.0%}"
    if each.powers is None or each.false is None:
        return f"{found} of {each.true.claims}"
    true, false = each.powers
    return f"{true} {found} of {each.true.claims}, {false} {each.false.rate('refuted'):.0%} of {each.false.claims}"


def _warned(rates: Rates | None) -> str:
    share = None if rates is None else rates.share_warned
    return "-" if share is None else f"{share:.0%}"


def _rate(rates: Rates, verdict: str) -> str:
    interval = rates.share(verdict)
    return f"{rates.rate(verdict):.2%} [{interval.low:.2%}, {interval.high:.2%}]"


def _wrong(each: Measured) -> str:
    clear = [(rates, wrong) for rates, wrong in ((each.true, "refuted"), (each.false, "supported")) if rates is not None]
    if not clear:
        return "-"
    return f"{sum(rates.count(wrong) for rates, wrong in clear)} of {sum(rates.claims for rates, _ in clear)}"
