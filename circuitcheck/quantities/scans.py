"""`cc.scan`: one pass over running text, which summarises every feature of a dictionary."""

import re
from collections.abc import Callable, Iterable, Mapping

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadDictionary, BadIntervention, BadTask
from circuitcheck.given import checked_number, checked_whole
from circuitcheck.plan import Scanning, View
from circuitcheck.prompts import STREAMS, Stream
from circuitcheck.prompts.corpora import After, CorpusSource, Predicate, TokenInContext, predicate_of
from circuitcheck.quantities.dictionaries import Dictionary
from circuitcheck.quantities.scanned.scan import Scan
from circuitcheck.quantities.task import Task
from circuitcheck.quantities.views import ModelView, as_view
from circuitcheck.session import current_session
from circuitcheck.text import shown

Where = After | str | re.Pattern[str] | Callable[[TokenInContext], object]


@known_arguments
def scan(
    corpus: Task,
    model: ModelView,
    dictionary: Dictionary,
    *,
    stream: Stream = "discovery",
    top: int = 15,
    pairs: Iterable[tuple[int, int]] = (),
    where: Mapping[str, Where] | None = None,
    sums: Mapping[str, Mapping[int, float]] | None = None,
) -> Scan:
    """A summary of all features of a dictionary over the texts of a corpus, from one pass of the untouched model: how often
    each fires, its activations, and its `top` largest ones.

    Each text of `stream` is read once, in the pieces of `context` tokens of `cc.corpus(...)`, and every token is a row,
    whatever positions the corpus names; a BOS is read where the model's policy has one, and is no row. `pairs` of features
    are counted where both fire; `where` names predicates on tokens (`cc.after(text)`, a regular expression, a function of
    a `TokenInContext`), of whose tokens each feature's firing is counted; `sums={"name": {7: 2.0, 9: 1.0}}` are features
    with strengths, summarised like a feature. Memory is some hundred numbers for each feature, however long the texts
    are. The same scan again in a session is looked up.

    Raises BadTask for what is no corpus, or a stream without texts; BadDictionary, BadIntervention, TypeError.
    """
    source, view = _checked_corpus(corpus), as_view(model, "scan()")
    if view.data != View(view.data.model):
        raise BadIntervention(f"scan() reads the untouched model, and got {view!r}: give the model itself.")
    if not isinstance(dictionary, Dictionary):
        raise BadDictionary(f"scan() got {shown(dictionary)}; expected a dictionary, such as cc.sae(folder).")
    if stream not in STREAMS:
        raise BadTask(f"{shown(stream)} is not a stream; there are {', '.join(STREAMS)}.")
    asked = Scanning(
        corpus=source,
        stream=stream,
        top=checked_whole("scan(): top", top, BadTask),
        pairs=_checked_pairs(dictionary, pairs),
        where=_checked_where(where),
        sums=_checked_sums(dictionary, sums),
    )
    found = current_session().scan(asked, view.card.ref, dictionary.ref)
    if not found.tokens:
        raise BadTask(
            f"corpus {source.name!r} has no texts in its {stream} stream; take more of it (documents=), or another stream."
        )
    return Scan(view.card.ref, dictionary, asked, found)


def _checked_corpus(given: object) -> CorpusSource:
    source = given.definition if isinstance(given, Task) else given
    if not isinstance(source, CorpusSource):
        raise BadTask(f"scan() got {shown(given)}; expected running text: cc.corpus('texts.jsonl', context=128).")
    return source


def _checked_pairs(dictionary: Dictionary, given: object) -> tuple[tuple[int, int], ...]:
    """Each once, the smaller number first."""
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise BadTask(f"scan(): pairs={shown(given)}; expected pairs of features, such as [(7, 9)].")
    found = []
    for each in given:
        numbers = dictionary[each].numbers if isinstance(each, Iterable) else ()
        if len(numbers) != 2:
            raise BadTask(f"scan(): pairs holds {shown(each)}; expected two features, such as (7, 9).")
        found.append((numbers[0], numbers[1]))
    return tuple(dict.fromkeys(found))


def _checked_where(given: object) -> tuple[tuple[str, Predicate], ...]:
    if given is None:
        return ()
    if not isinstance(given, Mapping) or not all(isinstance(name, str) and name for name in given):
        raise BadTask(f"scan(): where={shown(given)}; expected predicates by name, {{'after a quote': cc.after('!\"')}}.")
    return tuple((name, predicate_of(each)) for name, each in given.items())


def _checked_sums(dictionary: Dictionary, given: object) -> tuple[tuple[str, tuple[tuple[int, float], ...]], ...]:
    if given is None:
        return ()
    if not isinstance(given, Mapping) or not all(isinstance(name, str) and name for name in given):
        raise BadTask(f"scan(): sums={shown(given)}; expected sums by name, {{'quotes': {{7: 2.0, 9: 1.0}}}}.")
    return tuple((name, _checked_sum(dictionary, name, each)) for name, each in given.items())


def _checked_sum(dictionary: Dictionary, name: str, given: object) -> tuple[tuple[int, float], ...]:
    if not isinstance(given, Mapping) or not given:
        raise BadTask(f"scan(): sum {name!r} is {shown(given)}; expected features with strengths, {{7: 2.0, 9: 1.0}}.")
    numbers = dictionary[list(given)].numbers
    strengths = {int(number): checked_number(f"strength of {number}", each, BadTask) for number, each in given.items()}
    return tuple((number, strengths[number]) for number in numbers)
