"""What has been spent on a question in this session: a budget that grows after an inconclusive verdict is a peek."""

from dataclasses import dataclass, field


@dataclass
class BudgetLedger:
    """The smallest budget that ended inconclusive, by question: (claim, what is measured, on which prompts), whatever the
    threshold. A peek does not wash off by asking once more."""

    _inconclusive: dict[tuple[str, ...], int] = field(default_factory=dict)

    def ended(self, question: tuple[str, ...], budget: int) -> None:
        """A budget of so many prompts was spent on `question` and decided nothing."""
        self._inconclusive[question] = min(budget, self._inconclusive.get(question, budget))

    def extension(self, question: tuple[str, ...], budget: int) -> str | None:
        """What a reader must know of asking `question` with this budget, or None."""
        earlier = self._inconclusive.get(question)
        if earlier is None or budget <= earlier:
            return None
        return (
            f"the budget was raised to {budget} prompts after {earlier} had decided nothing: that is peeking, and this "
            f"verdict errs more often than its level says. Fix the budget beforehand, and confirm with another seed."
        )
