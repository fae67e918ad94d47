"""What an effect is compared with: sets of heads, sites or features that are like the claimed one, and drawn by lot."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadIntervention, NotComparable, UnknownPosition
from circuitcheck.given import checked_whole
from circuitcheck.places import (
    Architecture,
    Head,
    MatchedParts,
    Part,
    Position,
    Sites,
    parse_position,
    parse_targets,
    parts_of,
)
from circuitcheck.plan import Features
from circuitcheck.prompts import keyed_number
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.quantities.questions.fit import to_look_up
from circuitcheck.session import current_session
from circuitcheck.text import suggestion

_LOOKED_AT = 256  # prompts of the discovery stream
_AS_LIKE = 2.0  # times, up or down: how far a feature may be from the claimed one in rate and in what it writes
_FEWEST = 24  # features: where fewer are so near, the nearest ones
_ENUMERATED = 20_000  # combinations


class Sets(Protocol):
    """Sets like the claimed one, numbered from 0."""

    @property
    def count(self) -> int: ...
    def __getitem__(self, number: int) -> tuple[Part, ...]: ...


class Control(Protocol):
    """Whose effect is to be beaten. `draws` is the most sets that one question may take."""

    @property
    def draws(self) -> int: ...
    @property
    def seed(self) -> int | None: ...
    def claimed(self, effect: Expression) -> tuple[Part, ...]:
        """The parts that `effect` is claimed of. Raises NotComparable where no intervention in it is on exactly these."""
        ...

    def sets(self, effect: Expression) -> Sets: ...
    def noun(self, effect: Expression) -> str:
        """What one of them is: a head, a site, a feature."""
        ...


@dataclass(frozen=True)
class RandomParts:
    """Sets with as many heads, key/value heads or neurons of each layer as `like`, which itself is left out. `draws` is the
    most that one question may take; where there are at most 1,000 sets, all of them are compared instead. `seed` defaults
    to the session's."""

    like: Sites
    draws: int = 512
    seed: int | None = None
    heads_only: bool = False

    def claimed(self, effect: Expression) -> tuple[Part, ...]:
        """Those that `like` names. Raises NotComparable where no intervention of `effect` is on exactly these."""
        sites = parse_targets(self.like, _architecture(effect))
        found = parts_of(sites)
        if self.heads_only and not all(part.index == "head" for part in found):
            raise NotComparable(
                f"random_heads(like={self.like!r}) must name heads, such as L9H9; cc.random_sites takes other sites."
            )
        if not found:
            raise NotComparable(
                f"like={self.like!r} names whole layers, which have no peers to draw: name heads, such as L9H9."
            )
        _check_varies(effect, found)
        return found

    def sets(self, effect: Expression) -> Sets:
        """Every set that may be drawn, by number."""
        return MatchedParts(self.claimed(effect), _architecture(effect))

    def noun(self, effect: Expression) -> str:
        """What one part is, in words."""
        return "head" if all(part.index == "head" for part in self.claimed(effect)) else "site"


@dataclass(frozen=True)
class RandomFeatures:
    """Sets of features of the same dictionary, one for each of `like`, that fire about as often at the token `firing` and
    write about as much where they do: within a factor of two in both, or the 24 nearest. Rates and activations are those of
    the untouched model on prompts of the discovery stream, never those that the claim is judged on."""

    like: Features
    firing: Position
    draws: int = 512
    seed: int | None = None

    def claimed(self, effect: Expression) -> tuple[Part, ...]:
        """Those of `like`. Raises NotComparable where no intervention of `effect` is on exactly these."""
        _check_varies(effect, self.like.parts)
        there = effect.prompts.task.facts.positions
        if self.firing.name not in there:
            raise UnknownPosition(
                f"random_features(firing={str(self.firing)!r}): the task has the positions {', '.join(there)}."
                f"{suggestion(self.firing.name, there)}"
            )
        return self.like.parts

    def sets(self, effect: Expression) -> Sets:
        """Every set that may be drawn, by number. Raises BadIntervention for features that nothing is like."""
        return MatchedFeatures(self.like, Firing.of(self.like, self.firing, effect))

    def noun(self, effect: Expression) -> str:  # noqa: ARG002
        """What one part is, in words."""
        return "feature"


@dataclass(frozen=True, eq=False)
class Firing:
    """Of each feature of a dictionary: the share of prompts on which it fires, and the norm of what it writes there."""

    rate: NDArray[np.float64]
    written: NDArray[np.float64]

    @classmethod
    def of(cls, like: Features, at: Position, effect: Expression) -> "Firing":
        """On the discovery stream."""
        session, model, where = current_session(), effect.models[0], to_look_up(effect.prompts)
        rows = range(min(_LOOKED_AT, session.population(where, [model])))
        if not rows:
            raise BadIntervention(
                f"{effect.label}: its task has no prompts in the discovery stream, on which firing rates are looked up."
            )
        found = session.encode(where, model, like.dictionary, at, rows)
        fires = found != 0
        mean = np.abs(found).sum(axis=0) / np.maximum(1, fires.sum(axis=0))
        return cls(fires.mean(axis=0), mean * session.write_norms(like.dictionary))


@dataclass(frozen=True, eq=False)
class MatchedFeatures:
    """Every choice of one peer for each feature of `like`, each feature once. Raises BadIntervention where a feature fires
    nowhere, or has no peer that does."""

    like: Features
    firing: Firing

    @property
    def count(self) -> int:
        return len(self._all) if self._all is not None else math.prod(map(len, self.peers))

    def __getitem__(self, number: int) -> tuple[Part, ...]:
        """Of more sets than are listed, those that take a feature twice are passed over."""
        if self._all is not None:
            return self._parts(self._all[number])
        for again in range(1000):
            chosen = self._numbered(number if not again else keyed_number(f"{number} again {again}", self.count))
            if len(set(chosen)) == len(chosen):
                return self._parts(chosen)
        raise BadIntervention(f"no features beside {self.like} can be drawn: they have too few peers.")

    @cached_property
    def peers(self) -> list[list[int]]:
        """For each claimed feature the others that are like it."""
        return [self._peers_of(number) for number in self.like.numbers]

    @cached_property
    def _all(self) -> list[tuple[int, ...]] | None:
        if math.prod(map(len, self.peers)) > _ENUMERATED:
            return None
        sets = {tuple(sorted(chosen)) for chosen in product(*self.peers) if len(set(chosen)) == len(chosen)}
        if not sets:
            raise BadIntervention(f"no set of other features is like {self.like}: compare fewer at once.")
        return sorted(sets)

    def _numbered(self, number: int) -> tuple[int, ...]:
        chosen = []
        for each in self.peers:
            number, digit = divmod(number, len(each))
            chosen.append(each[digit])
        return tuple(chosen)

    def _peers_of(self, number: int) -> list[int]:
        rate, written = self.firing.rate, self.firing.written
        if not rate[number]:
            raise BadIntervention(
                f"feature {number} of {self.like.dictionary} fires on none of the prompts that were looked at: nothing is "
                f"like it there."
            )
        others = [each for each in np.flatnonzero(rate * written) if each not in self.like.numbers]
        if not others:
            raise BadIntervention(f"no other feature of {self.like.dictionary} fires on the prompts that were looked at.")
        far = {
            each: abs(math.log(rate[each] / rate[number])) + abs(math.log(written[each] / written[number]))
            for each in others
        }
        near = [
            each
            for each in others
            if max(abs(math.log(rate[each] / rate[number])), abs(math.log(written[each] / written[number])))
            <= math.log(_AS_LIKE)
        ]
        found = near if len(near) >= _FEWEST else sorted(others, key=lambda each: far[each])[:_FEWEST]
        return sorted(map(int, found))

    def _parts(self, numbers: Sequence[int]) -> tuple[Part, ...]:
        return Features(self.like.dictionary, tuple(sorted(numbers))).parts


@known_arguments
def random_heads(*, like: str | tuple[Head, ...], draws: int = 512, seed: int | None = None) -> RandomParts:
    """A control for `effect.beats(...)`. `like` names the heads that the effect's intervention is on; where an intervention
    has several sets of heads, it says which of them varies.

    Raises BadIntervention for fewer than 2 draws.
    """
    return RandomParts(like, *_drawn(draws, seed), heads_only=True)


@known_arguments
def random_sites(*, like: Sites, draws: int = 512, seed: int | None = None) -> RandomParts:
    """As `random_heads`, for any sites that have peers in their layer: heads `L9H9.q`, key/value heads `L9H1.k`, neurons
    `L3.mlp[12-20]`. Raises BadIntervention for fewer than 2 draws."""
    return RandomParts(like, *_drawn(draws, seed), heads_only=False)


def random_features_of(like: Features, firing: str, draws: int, seed: int | None) -> RandomFeatures:
    """Raises BadIntervention for fewer than 2 draws, UnknownPosition."""
    return RandomFeatures(like, parse_position(firing), *_drawn(draws, seed))


def _drawn(draws: int, seed: int | None) -> tuple[int, int | None]:
    draws = checked_whole("draws", draws, BadIntervention, 2, ": to show that 95% are beaten takes 86 at least")
    return draws, None if seed is None else checked_whole("seed", seed, BadIntervention, None)


def _check_varies(effect: Expression, claimed: tuple[Part, ...]) -> None:
    """Raises NotComparable where no intervention is on exactly these."""
    sets = {parts for cell in effect.cells for step in cell.view.interventions for parts in step.part_sets if parts}
    if claimed in sets:
        return
    there = "; ".join(sorted(", ".join(map(str, parts)) for parts in sets)) or "none"
    own = "" if sets else " (An intervention of one's own says which parts it acts on in part_sets, and how to swap them.)"
    raise NotComparable(
        f"no intervention in {effect.label} is on exactly {', '.join(map(str, claimed))}, so nothing would vary; its "
        f"interventions are on: {there}.{own}"
    )


def _architecture(effect: Expression) -> Architecture:
    if len(effect.models) > 1:
        raise NotComparable(f"{effect.label} is of {len(effect.models)} models: heads can be drawn in one only.")
    return current_session().models.card(effect.models[0]).architecture
