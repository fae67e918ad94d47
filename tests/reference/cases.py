"""What is compared on each model: interventions, paths, resampling and metrics, in circuitcheck's words and by hand."""

from collections.abc import Callable
from itertools import product

import numpy as np
import torch
from real_models import CHANGES, Case, Group, Pair, Put, columns, of_heads, of_run, steered, without_keys, zero

import circuitcheck as cc

TOLERANCE = 1e-4
SMALLEST_REAL_EFFECT = 1e-3
REFERENCE_PROMPTS = 32
DISCOVERY_PROMPTS = 6


# Layers: an early one and a late one, in the middle of SmolLM2 (True) and of models of three or four layers.
EARLY = {False: 1, True: 8}
LATE = {False: 2, True: 17}
# Of the neurons of a layer: runs of them, by whether there are more than three hundred.
NEURONS = {
    False: {"some": (3, 20), "others": (30, 38), "first": (0, 15), "more": (20, 35)},
    True: {"some": (3, 120), "others": (200, 300), "first": (0, 99), "more": (20, 200)},
}


class On:
    """The words for one model's cases."""

    def __init__(self, pair: Pair) -> None:
        self.pair, self.model = pair, pair.model
        architecture = pair.model.architecture
        deep, wide = architecture.n_layers > 4, architecture.d_mlp > 300
        self.early, self.late = EARLY[deep], pair.late or LATE[deep]
        self.runs = NEURONS[wide]
        self.heads, self.key_value_heads = range(architecture.n_heads), range(architecture.n_key_value_heads)
        self.layers = range(architecture.n_layers)

    def places(self, kind: str, layer: int) -> tuple:
        if kind in ("q", "z", "result", "scores", "pattern"):
            return of_heads(kind, layer, *self.heads)
        if kind in ("k", "v"):
            return of_heads(kind, layer, *self.key_value_heads)
        return ((kind, None if kind == "embed" else layer, None),)

    def neurons(self, run: str) -> tuple[str, tuple[int, ...]]:
        """A run of them as words (`3-120`), and one by one."""
        first, last = self.runs[run]
        return f"{first}-{last}", tuple(range(first, last + 1))

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
        new, (some, these), (others, those) = new(on), on.neurons("some"), on.neurons("others")
        words, puts = {
            "heads": (
                f"L{on.early}H0-1, {on.late_head}",
                [Put((*of_heads("z", on.early, 0, 1), *of_heads("z", on.late, 2)), new, at)],
            ),
            "attention": (f"L{on.late}.attn", [Put((("attn_out", on.late, None),), new, at)]),
            "mlp": (f"L{on.early}.mlp", [Put((("mlp_out", on.early, None),), new, at)]),
            "neurons": (
                f"L{on.early}.mlp[{some}], L{on.late}.mlp[7], L{on.late}.mlp[{others}]",
                [
                    Put((("neurons", on.early, None),), new, at, only=these),
                    Put((("neurons", on.late, None),), new, at, only=(7, *those)),
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
    more, these = on.neurons("more")
    return Case(
        on.model.patch(f"L{on.early}.mlp[5], L{on.early}.mlp[{more}]", source="abc", at="S2"),
        [Put((("neurons", on.early, None),), of_run("abc"), ("S2",), only=(5, *these))],
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
    first, these = on.neurons("first")
    view = (
        on.model.ablate(f"L{on.early}.mlp[{first}]", kind="zero", at="S2")
        .patch(f"L{on.early}H0.v", source="abc", at="S2")
        .knock_out_attention(f"L{on.late}H1", query="END", key="S1")
        .ablate(on.late_head, kind="counterfactual", source="swap", at="END")
    )
    return Case(
        view,
        [
            Put((("neurons", on.early, None),), zero, ("S2",), only=these),
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
    rows: dict[tuple, list[int]] = {}
    for row, prompt in enumerate(pair.prompts):
        where = (len(prompt.tokens), *(at and tuple(columns(prompt, at)) for at in places))
        rows.setdefault(where, []).append(row)
    return [Group(pair.plain, alike, [pair.prompts[row] for row in alike]) for alike in rows.values()]


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


RESAMPLED = {
    "heads": lambda on: (f"L{on.early}H0-1, {on.late_head}", [(*of_heads("z", on.early, 0, 1), ("z", on.late, 2)), None]),
    "attention": lambda on: (f"L{on.late}.attn", [(("attn_out", on.late, None),), None]),
    "mlp": lambda on: (f"L{on.early}.mlp", [(("mlp_out", on.early, None),), None]),
    "neurons": lambda on: (
        f"L{on.early}.mlp[{on.neurons('some')[0]}]",
        [(("neurons", on.early, None),), on.neurons("some")[1]],
    ),
}


def check_resampled(pair: Pair, what: str, at: tuple[str, ...] | None, n: int, tolerance: float = TOLERANCE) -> None:
    """Exactly one of the reference prompts that fit gives what was measured: a difference and a loss."""
    on = On(pair)
    words, (places, only) = RESAMPLED[what](on)
    view = on.model.ablate(words, kind="resample", at=None if at is None else list(at), n=n)
    measured = pair.measured_all(view, (cc.logit_diff(), cc.loss())).T
    assert np.abs(measured[:, 0] - pair.untouched("clean")).max() > SMALLEST_REAL_EFFECT
    reference = pair.sample(n, "reference")
    for prompt, values in zip(pair.prompts, measured, strict=True):
        fitting = [donor for donor in reference if donor.template == prompt.template]
        found = with_values_of(pair, prompt, fitting, places, only, at)
        assert len(fitting) > 1
        assert (np.abs(found - values) < tolerance).all(1).sum() == 1, (found, values)


@torch.no_grad()
def with_values_of(pair: Pair, prompt, donors, places, only, at) -> np.ndarray:
    """[donor, number]: the same numbers by hand, for the prompt with each donor's values."""
    values = pair.plain.read_all(torch.tensor([donor.tokens for donor in donors]))
    repeated = Group(pair.plain, [], [prompt] * len(donors))
    put = Put(places, lambda group, place, old: values[place], at, only=only)
    ends = pair.plain.logits(repeated.tokens("clean"), put.writes(repeated))[:, prompt.end].double()
    pairs = ends.log_softmax(-1)[:, [prompt.answer_id, prompt.distractor_id]].numpy()
    return np.column_stack([pairs[:, 0] - pairs[:, 1], -pairs[:, 0]])


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
    "logit_diff": lambda on: cc.logit_diff(),
    "probability": lambda on: cc.probability(),
    "log_prob": lambda on: cc.log_prob(),
    "log_prob of distractor": lambda on: cc.log_prob(of="distractor"),
    "loss": lambda on: cc.loss(),
    "accuracy": lambda on: cc.accuracy(),
    "candidate accuracy": lambda on: cc.candidate_accuracy(),
    "rank": lambda on: cc.rank(),
    "kl": lambda on: cc.kl_from_clean(),
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


def check_metrics(pair: Pair, name: str, tolerance: float = TOLERANCE) -> None:
    on = On(pair)
    case, clean_ends = VIEWS[name](on), pair.ends()
    expected = metrics_by_hand(pair.ends(case.puts, case.run), clean_ends, pair.seen(case.puts, case.run), pair.prompts, on)
    metrics = {metric: make(on) for metric, make in METRICS.items()}
    measured = pair.measured_all(case.view, metrics.values())
    for metric, values in zip(metrics, measured, strict=True):
        allowed = 0 if metric in EXACT else tolerance * max(1.0, np.abs(expected[metric]).max() / 10)
        np.testing.assert_allclose(values, expected[metric], rtol=0, atol=allowed, err_msg=metric)
    if name != "clean":
        untouched = metrics_by_hand(clean_ends, clean_ends, pair.seen(), pair.prompts, on)
        same = [metric for metric in METRICS if np.abs(expected[metric] - untouched[metric]).max() < 1e-6]
        assert set(same) <= {*EXACT, "activation", "attention over keys", "norm of key"}, same
