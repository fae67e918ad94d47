"""What features of a dictionary do on running text: how often they fire, on what, and together."""

from dataclasses import dataclass, replace

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadIntervention, BadTask
from circuitcheck.places import parse_position
from circuitcheck.plan import Both, FeatureFires, Marked, Metric
from circuitcheck.prompts.corpora import CorpusSource, both_of, predicate_of
from circuitcheck.quantities.dictionaries import FeatureSet, as_features
from circuitcheck.quantities.quantity import Quantity
from circuitcheck.quantities.task import Task
from circuitcheck.quantities.views import ModelView, as_view
from circuitcheck.text import shown

_END = parse_position("END")


@dataclass(frozen=True)
class Facts:
    """Features of dictionaries on the tokens of a corpus, in a model or a view of it; documents count, whatever the number
    of their tokens. `facts[1669]` are those of one feature; where several dictionaries are looked at, `facts[q[1669]]`."""

    task: Task
    view: ModelView
    features: tuple[FeatureSet, ...]

    def __getitem__(self, feature: int | FeatureSet) -> "FeatureFacts":
        return FeatureFacts(self, self._one(feature))

    def cofire(self, one: int | FeatureSet, other: int | FeatureSet) -> Quantity:
        """The share of tokens on which both fire."""
        return self._mean(Both((self[one].fires, self[other].fires)))

    def lift(self, one: int | FeatureSet, other: int | FeatureSet) -> Quantity:
        """How many times as often both fire as they would by chance: P(both) / (P(one) P(other)). Its interval allows for
        all three being measured (delta method, documents as clusters)."""
        first, second = self[one], self[other]
        both, alone = self.cofire(one, other), second.rate()
        lift = replace(both, denominator=first.rate().numerator, times=alone.numerator)
        return replace(lift, label=f"{self.task.name}.lift of {first.feature} and {second.feature}")

    def _mean(self, metric: Metric) -> Quantity:
        return self.task.metric(metric, self.view)

    def _one(self, feature: int | FeatureSet) -> FeatureSet:
        found = [each for each in self._all() if feature in (each, each.numbers[0])]
        if len(found) != 1:
            names = ", ".join(map(str, self._all()))
            many = "several features of that number; name it with its dictionary" if found else "no such feature"
            raise BadIntervention(f"{shown(feature)}: these facts are of {names}, with {many}.")
        return found[0]

    def _all(self) -> list[FeatureSet]:
        return [one for each in self.features for one in each]


@dataclass(frozen=True)
class FeatureFacts:
    """One feature's."""

    of: Facts
    feature: FeatureSet

    @property
    def fires(self) -> FeatureFires:
        return FeatureFires(self.feature.plan, _END)

    def rate(self) -> Quantity:
        """The share of tokens on which it fires."""
        return self.of._mean(self.fires)

    @known_arguments
    def precision(self, where: object, *, prompts: int = 8192) -> Quantity:
        """Of the tokens on which it fires, the share that `where` chooses: a mark of the corpus by name, `cc.after(text)`, a
        regular expression found in the token, or a function of a token. It is looked up at once on which of the first
        `prompts` tokens it fires, and results say on how many. Raises BadTask where it fires on none."""
        facts, mark = self._marked(where)
        firing = facts.task.where(facts._mean(self.fires) > 0.5, prompts=prompts)
        return firing.metric(mark, self.of.view)

    def recall(self, where: object) -> Quantity:
        """Of the tokens that `where` chooses, as in `precision`, the share on which it fires. Raises BadTask."""
        source = self._source()
        predicate = dict(source.marks).get(where) if isinstance(where, str) else None
        chosen = replace(source, where=both_of(source.where, predicate or predicate_of(where)))
        return replace(self.of, task=replace(self.of.task, definition=chosen))._mean(self.fires)

    def _source(self) -> CorpusSource:
        source = self.of.task.definition
        if not isinstance(source, CorpusSource):
            raise BadTask(f"{self.of.task.name!r} is no corpus: its prompts are not divided by predicates on tokens.")
        return source

    def _marked(self, where: object) -> tuple[Facts, Marked]:
        source = self._source()
        if isinstance(where, str) and where in dict(source.marks):
            return self.of, Marked(where)
        predicate = predicate_of(where)
        name = predicate.describe()
        marked = replace(source, marks=tuple(dict([*source.marks, (name, predicate)]).items()))
        return replace(self.of, task=replace(self.of.task, definition=marked)), Marked(name)


def facts(task: Task, view: ModelView, *features: FeatureSet) -> Facts:
    """What `features` do on the tokens of `task`, a corpus, in a model or a view of it.

    Raises BadTask for what is no task, TypeError for what is no model, BadIntervention for what are no features."""
    if not isinstance(task, Task):
        raise BadTask(f"facts() got {shown(task)} first; expected a corpus: cc.facts(cc.corpus(...), model, features).")
    checked = tuple(as_features(each, "facts()") for each in features)
    if not checked:
        raise BadIntervention("facts() got no features; expected some, such as cc.sae(folder)[1669, 3489].")
    return Facts(task, as_view(view, "facts()"), checked)
