"""Every intervention and every metric on models that do something, the bundled organism and SmolLM2, against a forward
pass written out by hand on plain `transformers` modules (`forward.py`)."""

import json
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from plain import PlainModel, load_folder, load_smollm2
from real_models import CHANGES, Case, Group, Pair, Put, columns, of_heads, of_run, steered, without_keys, zero
from sites_bench import ORGANISM
from sites_reference import Plain, Write

import circuitcheck as cc
from circuitcheck.errors import BadTask, VacuousIntervention

TOLERANCE = 1e-4
SMALLEST_REAL_EFFECT = 1e-3
REFERENCE_PROMPTS = 32
DISCOVERY_PROMPTS = 6


def organism_on(task: cc.Task, n: int) -> Pair:
    session = cc.Session(cc.Settings(batch=n))
    with cc.use_session(session):
        model = cc.load("organism")
    return Pair(model, Plain(load_folder(ORGANISM).network.requires_grad_(False)), session, task, n)


@pytest.fixture(scope="module")
def organism() -> Pair:
    return organism_on(cc.tasks.ioi(), 8)


@pytest.fixture(scope="module")
def smollm2_by_hand() -> PlainModel:
    return load_smollm2()


@pytest.fixture(scope="module")
def smollm2_pair(smollm2: cc.Model, smollm2_by_hand: PlainModel) -> Pair:
    """In a session with small blocks, on the engine that holds the model already."""
    engine = cc.current_session().engine
    session = cc.Session(cc.Settings(batch=4), make_engine=lambda _: engine)
    return Pair(smollm2, Plain(smollm2_by_hand.network.requires_grad_(False)), session, cc.tasks.ioi(), 4)


# Layers: an early one and a late one, in the middle of each model.
EARLY = {"organism": 1, "smollm2": 8}
LATE = {"organism": 2, "smollm2": 17}


class On:
    """The words for one model's cases."""

    def __init__(self, pair: Pair) -> None:
        self.pair, self.model = pair, pair.model
        name = "organism" if pair.model.architecture.n_layers == 4 else "smollm2"
        self.early, self.late = EARLY[name], LATE[name]
        architecture = pair.model.architecture
        self.heads, self.key_value_heads = range(architecture.n_heads), range(architecture.n_key_value_heads)
        self.layers = range(architecture.n_layers)

    def places(self, kind: str, layer: int) -> tuple:
        if kind in ("q", "z", "result", "scores", "pattern"):
            return of_heads(kind, layer, *self.heads)
        if kind in ("k", "v"):
            return of_heads(kind, layer, *self.key_value_heads)
        return ((kind, None if kind == "embed" else layer, None),)

    @property
    def late_head(self) -> str:
        return f"L{self.late}H2"


KINDS = {
    "zero": (lambda on: zero, {}),
    "mean": (lambda on: on.pair.mean(REFERENCE_PROMPTS), {"n": REFERENCE_PROMPTS}),
    "counterfactual": (lambda on: of_run("abc"), {}),
    "swap": (lambda on: of_run("swap"), {"source": "swap"}),
}


def ablation(kind: str, what: str, at: tuple[str, ...] | None) -> Callable[[On], Case]:
    def case(on: On) -> Case:
        new, options = KINDS[kind]
        new = new(on)
        words, puts = {
            "heads": (
                f"L{on.early}H0-1, {on.late_head}",
                [Put((*of_heads("z", on.early, 0, 1), *of_heads("z", on.late, 2)), new, at)],
            ),
            "attention": (f"L{on.late}.attn", [Put((("attn_out", on.late, None),), new, at)]),
            "mlp": (f"L{on.early}.mlp", [Put((("mlp_out", on.early, None),), new, at)]),
            "neurons": (
                f"L{on.early}.mlp[3-120], L{on.late}.mlp[7], L{on.late}.mlp[200-300]",
                [
                    Put((("neurons", on.early, None),), new, at, only=tuple(range(3, 121))),
                    Put((("neurons", on.late, None),), new, at, only=(7, *range(200, 301))),
                ],
            ),
        }[what]
        name = "counterfactual" if kind == "swap" else kind
        return Case(on.model.ablate(words, kind=name, at=None if at is None else list(at), **options), puts)

    return case


def patch(kind: str, at: tuple[str, ...] | None, source: str = "abc", run: str = "clean") -> Callable[[On], Case]:
    def case(on: On) -> Case:
        view = on.model if run == "clean" else on.model.on(run)
        words = "embed" if kind == "embed" else f"L{on.late}.{kind}"
        view = view.patch(words, source=source, at=None if at is None else list(at))
        return Case(view, [Put(on.places(kind, on.late), of_run(source), at)], run)

    return case


def patch_of_one(kind: str, head: int) -> Callable[[On], Case]:
    return lambda on: Case(
        on.model.patch(f"L{on.late}H{head}.{kind}", source="abc"), [Put(of_heads(kind, on.late, head), of_run("abc"))]
    )


def patch_of_neurons(on: On) -> Case:
    return Case(
        on.model.patch(f"L{on.early}.mlp[5], L{on.early}.mlp[20-200]", source="abc", at="S2"),
        [Put((("neurons", on.early, None),), of_run("abc"), ("S2",), only=(5, *range(20, 201)))],
    )


def patches_at_once(on: On) -> Case:
    """Of several layers, from two runs; where they meet, the later one counts."""
    view = (
        on.model.patch(f"L{on.early}.resid_post", source="swap", at="IO")
        .patch(f"{on.late_head}, L{on.late}.mlp", source="abc", at="END")
        .patch(f"L{on.late}.mlp", source="swap", at="END")
    )
    return Case(
        view,
        [
            Put((("resid_post", on.early, None),), of_run("swap"), ("IO",)),
            Put(of_heads("z", on.late, 2), of_run("abc"), ("END",)),
            Put((("mlp_out", on.late, None),), of_run("swap"), ("END",)),
        ],
    )


def knock_out(on: On) -> Case:
    view = on.model.knock_out_attention(f"L{on.late}.attn, L{on.early}H1", query="END, END-1", key="IO, S2")
    places = (*of_heads("pattern", on.late, *on.heads), *of_heads("pattern", on.early, 1))
    return Case(view, [Put(places, without_keys(("IO", "S2")), ("END", "END-1"))])


def steering(mode: str, several: bool) -> Callable[[On], Case]:
    """With vectors of two layers, written in both or in the later one."""

    def case(on: On) -> Case:
        found_in = (on.early, on.late)
        with cc.use_session(on.pair.session):
            direction = cc.mean_difference(
                on.pair.task, on.model, "resid_post", at="IO", minus="S1", layers=found_in, n=DISCOVERY_PROMPTS
            )
        vectors = on.pair.mean_differences("resid_post", found_in, "IO", "S1", DISCOVERY_PROMPTS)
        layers = found_in if several else (on.late,)
        options = {} if mode == "project_out" else {"scale": 1.5}
        return Case(
            getattr(on.model, mode)(direction, at="END", layers=layers, **options),
            [Put(tuple(("resid_post", layer, None) for layer in layers), steered(vectors, CHANGES[mode]), ("END",))],
        )

    return case


def circuit_of_heads(kind: str, inverted: bool) -> Callable[[On], Case]:
    """Heads of one layer at END and at S2, and one head at S1+1 and END."""

    def case(on: On) -> Case:
        new, options = KINDS[kind]
        new, early, late = new(on), on.early, on.late
        circuit = cc.circuit({"END": f"L{late}H0-2", "S2": cc.heads(f"L{early}H0-1"), "S1+1, END": f"L{early}H2"})
        held = {
            (late, 0): ("END",),
            (late, 1): ("END",),
            (late, 2): ("END",),
            (early, 0): ("S2",),
            (early, 1): ("S2",),
            (early, 2): ("S1+1", "END"),
        }
        if not inverted:
            puts = [Put(of_heads("z", *head), new, at) for head, at in held.items()]
            return Case(on.model.ablate(circuit, kind=kind, **options), puts)
        puts = [
            Put(of_heads("z", *head), new, held[head], but=True) if head in held else Put(of_heads("z", *head), new)
            for head in product(on.layers, on.heads)
        ]
        return Case(on.model.ablate(~circuit, kind=kind, **options), puts)

    return case


def circuit_of_layers_and_neurons(on: On) -> Case:
    """Layers and heads together: every other attention layer, MLP layer and head is outside at each token, but for the
    heads of a layer that is inside."""
    circuit = cc.circuit(
        {
            "END": cc.layers(f"L{on.late}.attn, L{on.late}.mlp") | cc.heads(f"L{on.late}H0"),
            "S2": cc.layers(f"L{on.early}.mlp"),
        }
    )
    held = {
        ("attn_out", on.late, None): ("END",),
        ("mlp_out", on.late, None): ("END",),
        **dict.fromkeys(of_heads("z", on.late, *on.heads), ("END",)),
        ("mlp_out", on.early, None): ("S2",),
    }
    every = [place for layer in on.layers for kind in ("z", "attn_out", "mlp_out") for place in on.places(kind, layer)]
    puts = [
        Put((place,), of_run("abc"), held[place], but=True) if place in held else Put((place,), of_run("abc"))
        for place in every
    ]
    return Case(on.model.ablate(~circuit, kind="counterfactual"), puts)


def everything_at_once(on: On) -> Case:
    """Kinds of interventions compose at different sites."""
    view = (
        on.model.ablate(f"L{on.early}.mlp[0-99]", kind="zero", at="S2")
        .patch(f"L{on.early}H0.v", source="abc", at="S2")
        .knock_out_attention(f"L{on.late}H1", query="END", key="S1")
        .ablate(on.late_head, kind="counterfactual", source="swap", at="END")
    )
    return Case(
        view,
        [
            Put((("neurons", on.early, None),), zero, ("S2",), only=tuple(range(100))),
            Put(of_heads("v", on.early, 0), of_run("abc"), ("S2",)),
            Put(of_heads("pattern", on.late, 1), without_keys(("S1",)), ("END",)),
            Put(of_heads("z", on.late, 2), of_run("swap"), ("END",)),
        ],
    )


RESIDUAL = ("embed", "resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "mlp_in", "neurons")
OF_QUERIES = ("q", "z", "result", "scores", "pattern")
OF_KEYS = ("k", "v")
NAMED = ("S2", "END")

SMOLLM2_CASES = {
    "zero ablation of heads at END": ablation("zero", "heads", ("END",)),
    "zero ablation of attention everywhere": ablation("zero", "attention", None),
    "mean ablation of heads everywhere": ablation("mean", "heads", None),
    "mean ablation of an MLP at two tokens": ablation("mean", "mlp", NAMED),
    "counterfactual ablation of heads after a name": ablation("counterfactual", "heads", ("S1+1",)),
    "counterfactual ablation of attention at END": ablation("counterfactual", "attention", ("END",)),
    "zero ablation of neurons at END": ablation("zero", "neurons", ("END",)),
    "mean ablation of neurons everywhere": ablation("mean", "neurons", None),
    **{f"patch of {kind}": patch(kind, NAMED) for kind in RESIDUAL},
    **{f"patch of {kind}": patch(kind, ("END",)) for kind in OF_QUERIES},
    **{f"patch of {kind}": patch(kind, None) for kind in OF_KEYS},
    "denoising of heads": patch("z", ("END",), "clean", "abc"),
    "knock-out": knock_out,
    "add in one layer": steering("add", several=False),
    **{f"{mode} in two layers": steering(mode, several=True) for mode in CHANGES},
    "all but a circuit of heads ablated": circuit_of_heads("counterfactual", inverted=True),
    "everything at once": everything_at_once,
}
# The organism runs in milliseconds, so it also gets the combinations that SmolLM2 has no time for.
ORGANISM_CASES = {
    **SMOLLM2_CASES,
    **{
        f"{kind} ablation of {what} at {at}": ablation(kind, what, at)
        for kind, what, at in product(
            KINDS, ("heads", "attention", "mlp", "neurons"), (("END",), ("S2", "S1+1"), ("IO", "END-1"), None)
        )
    },
    **{
        f"patch of {kind} at {at} from {source}": patch(kind, at, source)
        for kind, (at, source) in product(
            (*RESIDUAL, *OF_QUERIES, *OF_KEYS),
            ((("IO", "S1", "S2"), "abc"), (("S1+1", "END"), "swap"), (None, "abc"), (None, "swap")),
        )
        if (kind, at) != ("embed", ("S1+1", "END"))  # the same words there in every run
    },
    **{f"patch of one head's {kind}": patch_of_one(kind, 2) for kind in (*OF_QUERIES, *OF_KEYS)},
    "patch of some neurons": patch_of_neurons,
    **{
        f"denoising of {kind} at {at} of {run}": patch(kind, at, "clean", run)
        for kind, (at, run) in product((*RESIDUAL, *OF_QUERIES, *OF_KEYS), ((("S1", "S2", "END"), "abc"), (None, "swap")))
    },
    "swap's values in abc's run": patch("resid_mid", NAMED, "swap", "abc"),
    **{
        f"{kind} ablation of {'all but ' if inverted else ''}a circuit of heads": circuit_of_heads(kind, inverted)
        for kind, inverted in product(("zero", "mean", "counterfactual"), (False, True))
    },
    "all but a circuit of layers and heads ablated": circuit_of_layers_and_neurons,
    "patches at once": patches_at_once,
    "subtract in one layer": steering("subtract", several=False),
    "project_out in one layer": steering("project_out", several=False),
}


def test_smollm2_reads_the_same_tokens(smollm2_pair, smollm2_by_hand):
    for prompt in smollm2_pair.prompts:
        assert smollm2_by_hand.tokens(prompt.text) == list(prompt.tokens)
        assert smollm2_by_hand.word(prompt.answer) == prompt.answer_id
        for counterfactual in prompt.counterfactuals.values():
            assert smollm2_by_hand.tokens(counterfactual.text) == list(counterfactual.tokens)


@pytest.mark.parametrize("name", ORGANISM_CASES)
def test_an_intervention_on_the_organism_is_what_it_is_by_hand(organism, name):
    organism.check(ORGANISM_CASES[name](On(organism)), TOLERANCE, SMALLEST_REAL_EFFECT)


@pytest.mark.parametrize("name", SMOLLM2_CASES)
def test_an_intervention_on_smollm2_is_what_it_is_by_hand(smollm2_pair, name):
    smollm2_pair.check(SMOLLM2_CASES[name](On(smollm2_pair)), TOLERANCE, SMALLEST_REAL_EFFECT)


# Senders and receivers, in circuitcheck's words and the reference's: e an early layer, l a late one.
PATHS = {
    "heads and an MLP into q": ("L{e}H0-1, L{e}.mlp", "L{l}H2.q", [("q", "l", 2)]),
    "heads and an MLP into k": ("L{e}H0-1, L{e}.mlp", "L{l}H1.k", [("k", "l", 1)]),
    "heads and an MLP into v": ("L{e}H0-1, L{e}.mlp", "L{l}.v", [("v", "l", None)]),
    "heads and an MLP into an MLP": ("L{e}H0-1, L{e}.mlp", "L{l}.mlp", [("mlp_in", "l", None)]),
    "heads and an MLP into one q, one k and an MLP": (
        "L{e}H0-1, L{e}.mlp",
        "L{l}H2.q, L{l}H1.k, L{l}.mlp",
        [("q", "l", 2), ("k", "l", 1), ("mlp_in", "l", None)],
    ),
    "heads and an MLP into q, k, v and an MLP": (
        "L{e}H0-1, L{e}.mlp",
        "L{l}.q, L{l}.k, L{l}H0.v, L{l}.mlp",
        [("q", "l", None), ("k", "l", None), ("v", "l", 0), ("mlp_in", "l", None)],
    ),
    "heads and an MLP into the logits": ("L{e}H0-1, L{e}.mlp", "logits", None),
}
PLACES = {
    "at END": (("END",), None),
    "at names and END": (("IO", "S2", "END"), ("S1", "S2", "END")),
    "everywhere": (None, None),
}


def groups_alike(pair: Pair, *places) -> list[Group]:
    """The prompts in groups that have these positions at the same tokens."""
    if all(at in (None, ("END",)) for at in places):
        return pair.groups
    return [Group(pair.plain, [row], [prompt]) for row, prompt in enumerate(pair.prompts)]


def path(on: On, name: str, at, sender_at, source: str) -> tuple[cc.ModelView, np.ndarray]:
    senders, into, receivers = PATHS[name]
    numbers = {"e": on.early, "l": on.late}
    view = on.model.patch_path(
        senders.format(**numbers), into=into.format(**numbers), source=source, at=at, sender_at=sender_at
    )
    by_hand = [("z", on.early, 0), ("z", on.early, 1), ("mlp_out", on.early)]
    if receivers is None:
        received = [("logits",)]
    else:
        received = [
            place if place[2] is not None else place[:2]
            for kind, layer, head in receivers
            for place in ([(kind, numbers[layer], head)] if head is not None else on.places(kind, numbers[layer]))
        ]
    found = {}
    for group in groups_alike(on.pair, at, sender_at):
        place, sent = (None if each is None else columns(group.prompts[0], each) for each in (at, sender_at))
        with torch.no_grad():
            logits = on.pair.plain.path_patched_logits(
                group.tokens("clean"), group.tokens(source), by_hand, received, sent, place
            )
        found |= {row: logits[each, group.prompts[each].end].double() for each, row in enumerate(group.rows)}
    return view, on.pair.differences(torch.stack([found[row] for row in range(on.pair.n)]))


def check_path(pair: Pair, name: str, at, sender_at, source: str = "abc") -> None:
    view, expected = path(On(pair), name, at, sender_at, source)
    assert np.abs(expected - pair.untouched("clean")).max() > SMALLEST_REAL_EFFECT
    np.testing.assert_allclose(pair.measured(view), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("source", ["abc", "swap"])
@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("name", PATHS)
def test_a_path_of_the_organism_is_what_it_is_by_hand(organism, name, where, source):
    check_path(organism, name, *PLACES[where], source)


@pytest.mark.parametrize(
    "name, where",
    [("heads and an MLP into one q, one k and an MLP", "everywhere"), ("heads and an MLP into the logits", "at END")],
)
def test_a_path_of_smollm2_is_what_it_is_by_hand(smollm2_pair, name, where):
    check_path(smollm2_pair, name, *PLACES[where])


@pytest.mark.parametrize("into", ["L2H1.q", "L2.mlp", "logits"])
def test_a_direct_path_stays_at_its_token(organism, into):
    """What a head adds at a name is not read at END, but by heads that attend: nothing changes."""
    view = organism.model.patch_path("L1H0-3", into=into, source="abc", at="END", sender_at="IO")
    with pytest.raises(VacuousIntervention, match="path patch"):
        organism.measured(view)


RESAMPLED = {
    "heads": lambda on: (f"L{on.early}H0-1, {on.late_head}", [(*of_heads("z", on.early, 0, 1), ("z", on.late, 2)), None]),
    "attention": lambda on: (f"L{on.late}.attn", [(("attn_out", on.late, None),), None]),
    "mlp": lambda on: (f"L{on.early}.mlp", [(("mlp_out", on.early, None),), None]),
    "neurons": lambda on: (f"L{on.early}.mlp[3-120]", [(("neurons", on.early, None),), tuple(range(3, 121))]),
}


def check_resampled(pair: Pair, what: str, at: tuple[str, ...] | None, n: int) -> None:
    """Exactly one of the reference prompts that fit gives what was measured: a difference and a loss."""
    on = On(pair)
    words, (places, only) = RESAMPLED[what](on)
    view = on.model.ablate(words, kind="resample", at=None if at is None else list(at), n=n)
    measured = pair.measured_all(view, (cc.LogitDiff(), cc.Loss())).T
    assert np.abs(measured[:, 0] - pair.untouched("clean")).max() > SMALLEST_REAL_EFFECT
    reference = pair.sample(n, "reference")
    for prompt, values in zip(pair.prompts, measured, strict=True):
        fitting = [donor for donor in reference if donor.template == prompt.template]
        found = with_values_of(pair, prompt, fitting, places, only, at)
        assert len(fitting) > 1
        assert (np.abs(found - values) < TOLERANCE).all(1).sum() == 1, (found, values)


@torch.no_grad()
def with_values_of(pair: Pair, prompt, donors, places, only, at) -> np.ndarray:
    """[donor, number]: the same numbers by hand, for the prompt with each donor's values."""
    values = pair.plain.read_all(torch.tensor([donor.tokens for donor in donors]))
    repeated = Group(pair.plain, [], [prompt] * len(donors))
    put = Put(places, lambda group, place, old: values[place], at, only=only)
    ends = pair.plain.logits(repeated.tokens("clean"), put.writes(repeated))[:, prompt.end].double()
    pairs = ends.log_softmax(-1)[:, [prompt.answer_id, prompt.distractor_id]].numpy()
    return np.column_stack([pairs[:, 0] - pairs[:, 1], -pairs[:, 0]])


@pytest.mark.parametrize("at", [None, ("END",), ("S2", "END")], ids=str)
@pytest.mark.parametrize("what", RESAMPLED)
def test_a_resample_ablation_of_the_organism_takes_the_values_of_one_prompt_that_fits(organism, what, at):
    check_resampled(organism, what, at, 128)


def test_a_resample_ablation_of_smollm2_takes_the_values_of_one_prompt_that_fits(smollm2_pair):
    check_resampled(smollm2_pair, "heads", None, REFERENCE_PROMPTS)


def metrics_by_hand(ends, clean_ends, seen, prompts, on: On) -> dict[str, np.ndarray]:
    """Each metric that reads one run, prompt by prompt."""
    early, late = on.early, on.late
    found = {name: [] for name in METRICS}
    for end, clean, values, prompt in zip(ends, clean_ends, seen, prompts, strict=True):
        answer, s2, io = prompt.answer_id, prompt.positions["S2"][-1], prompt.positions["IO"][-1]
        logs, clean_logs = end.log_softmax(-1), clean.log_softmax(-1)
        candidates = [prompt.answer_id, prompt.distractor_id]
        row = {
            "logit_diff": end[answer] - end[prompt.distractor_id],
            "probability": logs[answer].exp(),
            "log_prob": logs[answer],
            "log_prob of distractor": logs[prompt.distractor_id],
            "loss": -logs[answer],
            "accuracy": float(int(end.argmax()) == answer),
            "candidate accuracy": float(end[answer] == end[candidates].max()),
            "rank": 1 + (end > end[answer]).sum(),
            "kl": (clean_logs.exp() * (clean_logs - logs)).sum(),
            "custom": end[17] - end.mean(),
            "attention": values["pattern", late, 2][prompt.end, io],
            "attention over keys": values["pattern", early, 1][s2, [*prompt.positions["IO"], *prompt.positions["S1"]]][0],
            "norm of the stream": values["resid_post", late, None][prompt.end].norm(),
            "norm of z": values["z", late, 1][prompt.end].norm(),
            "norm of result": values["result", late, 2][prompt.end].norm(),
            "norm of attn_out": values["attn_out", late, None][prompt.end].norm(),
            "norm of mlp_out": values["mlp_out", late, None][prompt.end].norm(),
            "norm of key": values["k", late, 0][io].norm(),
            "activation": values["neurons", late, None][prompt.end, 11],
        }
        for name, value in row.items():
            found[name].append(float(value))
    return {name: np.array(values) for name, values in found.items()}


def average_of(logits, prompts):
    return logits[:, 17] - logits.mean(-1)


METRICS: dict[str, Callable[[On], object]] = {
    "logit_diff": lambda on: cc.LogitDiff(),
    "probability": lambda on: cc.Probability(),
    "log_prob": lambda on: cc.LogProb(),
    "log_prob of distractor": lambda on: cc.LogProb(of="distractor"),
    "loss": lambda on: cc.Loss(),
    "accuracy": lambda on: cc.Accuracy(),
    "candidate accuracy": lambda on: cc.CandidateAccuracy(),
    "rank": lambda on: cc.Rank(),
    "kl": lambda on: cc.KLFromClean(),
    "custom": lambda on: cc.metric(average_of),
    "attention": lambda on: cc.attention(on.late_head, query="END", key="IO"),
    "attention over keys": lambda on: cc.attention(f"L{on.early}H1", query="S2", key="IO[:]"),
    "norm of the stream": lambda on: cc.norm(f"L{on.late}.resid_post", at="END"),
    "norm of z": lambda on: cc.norm(f"L{on.late}H1", at="END"),
    "norm of result": lambda on: cc.norm(f"L{on.late}H2.result", at="END"),
    "norm of attn_out": lambda on: cc.norm(f"L{on.late}.attn", at="END"),
    "norm of mlp_out": lambda on: cc.norm(f"L{on.late}.mlp", at="END"),
    "norm of key": lambda on: cc.norm(f"L{on.late}H0.k", at="IO"),
    "activation": lambda on: cc.activation(f"L{on.late}.mlp[11]", at="END"),
}
EXACT = ("accuracy", "candidate accuracy", "rank")
VIEWS: dict[str, Callable[[On], Case]] = {
    "clean": lambda on: Case(on.model),
    "on the counterfactual": lambda on: Case(on.model.on("abc"), [], "abc"),
    "ablated": ablation("zero", "mlp", None),
    "denoised": patch("resid_pre", ("S1", "S2"), "clean", "abc"),
    "knocked out": knock_out,
}


def check_metrics(pair: Pair, name: str) -> None:
    on = On(pair)
    case, clean_ends = VIEWS[name](on), pair.ends()
    expected = metrics_by_hand(pair.ends(case.puts, case.run), clean_ends, pair.seen(case.puts, case.run), pair.prompts, on)
    metrics = {metric: make(on) for metric, make in METRICS.items()}
    measured = pair.measured_all(case.view, metrics.values())
    for metric, values in zip(metrics, measured, strict=True):
        tolerance = 0 if metric in EXACT else TOLERANCE * max(1.0, np.abs(expected[metric]).max() / 10)
        np.testing.assert_allclose(values, expected[metric], rtol=0, atol=tolerance, err_msg=metric)
    if name != "clean":
        untouched = metrics_by_hand(clean_ends, clean_ends, pair.seen(), pair.prompts, on)
        same = [metric for metric in METRICS if np.abs(expected[metric] - untouched[metric]).max() < 1e-6]
        assert set(same) <= {*EXACT, "activation", "attention over keys", "norm of key"}, same


@pytest.mark.parametrize("name", VIEWS)
def test_metrics_of_the_organism_are_what_they_are_by_hand(organism, name):
    check_metrics(organism, name)


def test_metrics_of_smollm2_are_what_they_are_by_hand(smollm2_pair):
    check_metrics(smollm2_pair, "ablated")


def test_candidates_are_all_that_the_task_names():
    """With five people, an ablated organism often names one who was not asked for."""
    pair = organism_on(cc.tasks.entity_binding("capital", entities=5), 8)
    case = Case(pair.model.ablate("L1.attn", kind="zero"), [Put((("attn_out", 1, None),), zero)])
    for each, at_least in ((Case(pair.model), 0), (case, 1)):
        expected = []
        for end, prompt in zip(pair.ends(each.puts), pair.prompts, strict=True):
            assert len(prompt.candidate_ids) == 5
            scores = [float(end[ids[0]]) for ids in prompt.candidate_ids]
            expected.append(float(end[prompt.answer_id] == max(scores)))
        np.testing.assert_array_equal(pair.measured(each.view, cc.CandidateAccuracy()), expected)
        assert sum(expected) < len(expected) or not at_least


@pytest.fixture(scope="module")
def of_records(organism, tmp_path_factory) -> Pair:
    """Prompts of IOI as records, with a position of three tokens and an answer of two."""
    rows = []
    for stream, n in (("test", 8), ("reference", 64)):
        for prompt in organism.sample(n, stream):
            first, second = (prompt.slots[slot] for slot in ("S1", "IO"))
            names = f"{first} and {second}" if f"{first} and {second}" in prompt.text else f"{second} and {first}"
            row = {
                "text": prompt.text,
                "answer": f"{prompt.answer} and",
                "distractor": f"{prompt.distractor} or",
                "counterfactuals": {"abc": prompt.counterfactuals["abc"].text},
                "positions": {"names": names, "object": prompt.slots["object"]},
                "template": prompt.template,
                "stream": stream,
            }
            rows.append(json.dumps(row))
    path = tmp_path_factory.mktemp("records") / "ioi.jsonl"
    path.write_text("\n".join(rows), encoding="utf-8")
    pair = organism_on(cc.Task.from_records(path), 8)
    assert {len(prompt.positions["names"]) for prompt in pair.prompts} == {3}
    assert {len(prompt.answer_ids) for prompt in pair.prompts} == {2}
    return pair


SPANS = {"over keys": ("END", "names[:]"), "over queries": ("names[:]", "names"), "over both": ("names[:]", "names[:]")}


@pytest.mark.parametrize("name", SPANS)
def test_attention_is_summed_over_a_span_of_keys_and_averaged_over_a_span_of_queries(of_records, name):
    pair, (query, key) = of_records, SPANS[name]
    metric, puts = cc.attention("L2H1", query=query, key=key), [Put(of_heads("z", 0, 1), zero)]
    found = {}
    for shown, written in ((pair.model, []), (pair.model.ablate("L0H1", kind="zero"), puts)):
        expected = []
        for values, prompt in zip(pair.seen(written), pair.prompts, strict=True):
            queries, keys = columns(prompt, (query,)), columns(prompt, (key,))
            expected.append(float(values["pattern", 2, 1][queries][:, keys].sum(-1).mean()))
        found[bool(written)] = pair.measured(shown, metric)
        np.testing.assert_allclose(found[bool(written)], expected, rtol=0, atol=TOLERANCE)
    assert np.abs(found[True] - found[False]).max() > SMALLEST_REAL_EFFECT


@pytest.mark.parametrize("of", ["answer", "distractor"])
@pytest.mark.parametrize("at", [("END",), ("names", "object"), ("names[:]",), None], ids=str)
@pytest.mark.parametrize("kind", ["zero", "mean", "counterfactual", "resample"])
def test_the_log_probability_of_an_answer_of_several_tokens_is_the_sum_over_them(of_records, kind, at, of):
    """The tokens of the answer are fed in, after the prompt and after its counterfactual. Everywhere is there, too."""
    pair, metric = of_records, cc.LogProb(of=of)
    view = pair.model.ablate(
        "L1H0-3, L2.mlp", kind=kind, at=at and list(at), **({"n": 64} if kind in ("mean", "resample") else {})
    )
    if kind == "mean" and at is None:
        with pytest.raises(BadTask, match="tokens of an answer have no mean"):
            pair.measured(view, metric)
        return
    untouched, found = pair.measured(pair.model, metric), pair.measured(view, metric)
    assert np.abs(found - untouched).max() > SMALLEST_REAL_EFFECT
    for row, prompt in enumerate(pair.prompts):
        assert whole_answer(pair, prompt, of, None, at)[0] == pytest.approx(untouched[row], abs=TOLERANCE)
        possible = whole_answer(pair, prompt, of, kind, at)
        assert len(possible) == (4 if kind == "resample" else 1)
        assert (np.abs(np.array(possible) - found[row]) < TOLERANCE).sum() == 1


def ids_of(prompt, of: str) -> tuple[int, ...]:
    return prompt.answer_ids if of == "answer" else prompt.distractor_ids


@torch.no_grad()
def whole_answer(pair: Pair, prompt, of: str, kind: str | None, at: tuple[str, ...] | None) -> list[float]:
    """For each run that values may come from (one, but for resampling), the log-probability of all tokens together."""
    ids = ids_of(prompt, of)
    fed = [*prompt.tokens, *ids[:-1]]
    where = list(range(len(fed))) if at is None else columns(prompt, at)
    runs = [prompt.run("abc")]
    if kind in ("mean", "resample"):
        runs = [each.tokens for each in pair.sample(64, "reference") if each.template == prompt.template]
    other = pair.plain.read_all(torch.tensor([[*run, *ids[:-1]] for run in runs]))
    if kind == "mean":
        other = {place: value.mean(0, keepdim=True) for place, value in other.items()}

    def write(place):
        def written(old):
            value = old.clone()
            value[:, where] = 0 if kind == "zero" else other[place][:, where]
            return value

        return written

    places = (*of_heads("z", 1, 0, 1, 2, 3), ("mlp_out", 2, None)) if kind else ()
    prompts = torch.tensor([fed] * (len(runs) if kind == "resample" else 1))
    logits = pair.plain.logits(prompts, [Write(*place, write(place)) for place in places]).double()
    steps = logits.log_softmax(-1)[:, prompt.end :]
    return [sum(float(each[step, token]) for step, token in enumerate(ids)) for each in steps]
