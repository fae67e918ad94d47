"""Plans drawn at random: sites of all kinds, all kinds of interventions, positions, bases, metrics and batch sizes."""

from dataclasses import dataclass, field

import torch
from hypothesis import strategies as st
from tiny_dictionaries import tiny_sae

import circuitcheck as cc
from circuitcheck.errors import CircuitCheckError
from circuitcheck.places import SITE_KINDS

POSITIONS = ("A", "B", "B+1", "A[:]", "END-1", "END")
FEATURES = 12
REFERENCE = 32  # prompts that means are taken over
ROWS = {1: 2, 3: 5, 32: 8}  # by batch size

one_place = st.sampled_from(("A", "B", "END-1", "END"))
places = st.one_of(st.none(), st.just("END"), st.lists(st.sampled_from(POSITIONS), min_size=1, max_size=2, unique=True))
batches = st.sampled_from(tuple(ROWS))
sources = st.sampled_from(("abc", "swap"))


@dataclass(repr=False)
class Words:
    """What can be said of one model: which kinds of site it has, and dictionaries that fit it."""

    two_ways: object
    task: cc.Task
    _works: dict[str, bool] = field(default_factory=dict)
    _dictionaries: dict[str, object] = field(default_factory=dict)

    def __repr__(self):
        return str(self.model.ref)

    @property
    def model(self):
        return self.two_ways.model

    def site(self, kind, layer, part):
        shape, index = self.model.architecture, SITE_KINDS[kind].index
        if kind == "embed":
            return "embed"
        layer %= shape.n_layers
        if index is None:
            return f"L{layer}.{kind}"
        if index == "neuron":
            return f"L{layer}.neurons" if part is None else f"L{layer}.mlp[{part}]"
        heads = shape.n_key_value_heads if index == "key/value head" else shape.n_heads
        return f"L{layer}.{kind}" if part is None else f"L{layer}H{part % heads}.{kind}"

    def dictionary(self, site):
        """A small random one, or a transcoder into the last MLP of what it reads there or a layer before."""
        if site not in self._dictionaries:
            width, last = int(self.two_ways.loaded.model.cfg.d_model), self.model.architecture.n_layers - 1
            with cc.use_session(self.two_ways.session):
                if site in (f"L{last}.mlp_in", f"L{last - 1}.resid_post"):
                    made = tiny_sae(width, 3, features=FEATURES, out=f"blocks.{last}.hook_mlp_out")
                    found = cc.transcoder(made, reads=site, writes=f"L{last}.mlp_out")
                else:
                    found = cc.sae(tiny_sae(width, 2, features=FEATURES), at=site)
            self._dictionaries[site] = found
        return self._dictionaries[site]

    def direction(self, kind, layer):
        width = int(self.two_ways.loaded.model.cfg.d_model)
        vector = torch.randn(width, generator=torch.Generator().manual_seed(7)).tolist()
        return cc.direction(vector, self.model, kind, layers=f"L{layer % self.model.architecture.n_layers}")

    def has(self, kind):
        """Does a patch there run in whole passes? Some architectures lack some kinds."""
        if kind not in self._works:
            try:
                view = self.model.patch(self.site(kind, 1, None), source="abc", allow_vacuous=True)
                self.two_ways.whole(self.two_ways.plan(self.task, (view, cc.logit_diff())), 1)
                self._works[kind] = True
            except CircuitCheckError:
                self._works[kind] = False
        return self._works[kind]


layers, parts = st.integers(0, 3), st.one_of(st.none(), st.integers(0, 3))


@st.composite
def sites(draw, words, but=()):
    kind = draw(st.sampled_from([kind for kind in SITE_KINDS if kind not in but]))
    return words.site(kind if words.has(kind) else "resid_post", draw(layers), draw(parts))


@st.composite
def ablated(draw, words, view):
    kind = draw(st.sampled_from(("zero", "mean", "resample", "counterfactual")))
    site = draw(sites(words, but=("scores", "pattern") if kind in ("zero", "mean") else ()))
    how = {"n": REFERENCE} if kind in ("mean", "resample") else {}
    return view.ablate(site, kind=kind, at=draw(places), allow_vacuous=True, **how)


@st.composite
def circuit_alone(draw, words, view):
    """All heads but one, everywhere but at a place."""
    outside = ~cc.circuit({draw(st.sampled_from(("END", "B"))): f"L{words.model.architecture.n_layers - 1}H1"})
    return view.ablate(outside, kind=draw(st.sampled_from(("zero", "counterfactual"))), allow_vacuous=True)


@st.composite
def patched(draw, words, view):
    source = draw(st.sampled_from(("clean", "abc", "swap")))
    found = draw(st.lists(sites(words), min_size=1, max_size=2, unique_by=lambda site: site.partition(".")[2]))
    return view.patch(", ".join(found), source=source, at=draw(places), allow_vacuous=True)


@st.composite
def knocked_out(draw, words, view):
    last = words.model.architecture.n_layers - 1
    unit = draw(st.sampled_from((f"L{last}H1", f"L{last}.attn", "L0H0")))
    return view.knock_out_attention(unit, query=draw(st.sampled_from(("END", "B", "B, END"))), key="A", allow_vacuous=True)


@st.composite
def steered(draw, words, view):
    kind = draw(st.sampled_from(("resid_pre", "resid_post", "mlp_out")))
    direction = words.direction(kind, draw(layers))
    how = draw(st.sampled_from(("add", "subtract", "project_out")))
    return getattr(view, how)(direction, at=draw(places))


@st.composite
def path_patched(draw, words, view):
    last = words.model.architecture.n_layers - 1
    into = {"q": f"L{last}H1.q", "v": f"L{last}.v", "mlp_in": f"L{last}.mlp"}
    chosen = draw(st.sampled_from([site for kind, site in into.items() if words.has(kind)] + ["logits"]))
    senders = draw(st.sampled_from((f"L{last - 1}H0", f"L{last - 1}H1, L{last - 1}.mlp", "L0H1")))
    return view.patch_path(
        senders, into=chosen, source=draw(sources), at=draw(places), sender_at=draw(places), allow_vacuous=True
    )


@st.composite
def features(draw, words):
    """Of a dictionary of the residual stream, or of a transcoder."""
    last = words.model.architecture.n_layers - 1
    at = [f"L{last}.resid_pre", "L0.resid_pre", f"L{last - 1}.resid_post"]
    dictionary = words.dictionary(draw(st.sampled_from(at + ([f"L{last}.mlp_in"] if words.has("mlp_in") else []))))
    return dictionary[sorted(draw(st.sets(st.integers(0, FEATURES - 1), min_size=1, max_size=3)))]


@st.composite
def edited(draw, words, view):
    chosen, at = draw(features(words)), draw(places)
    error = draw(st.sampled_from(("keep", "drop")))
    edits = {
        "remove": lambda: view.remove(chosen, at=at, error=error, allow_vacuous=True),
        "clamp": lambda: view.clamp(chosen, 2.0, at=at, error=error),
        "scale": lambda: view.scale(chosen, 3.0, at=at, error=error, allow_vacuous=True),
        "mean": lambda: view.ablate(chosen, kind="mean", n=REFERENCE, at=at, allow_vacuous=True),
        "patch": lambda: view.patch(chosen, source="abc", at=at, allow_vacuous=True),
        "through": lambda: view.through(chosen.dictionary, at=at),
    }
    return edits[draw(st.sampled_from(tuple(edits)))]()


INTERVENTIONS = (ablated, patched, knocked_out, steered, path_patched, edited, circuit_alone)


@st.composite
def views(draw, words):
    view = words.model
    for made in draw(st.lists(st.sampled_from(INTERVENTIONS), max_size=3)):
        view = draw(made(words, view))
    return view if draw(st.integers(0, 4)) else view.on(draw(sources))


def margin(logits, prompts):
    return logits.double().topk(2, dim=1).values.diff(dim=1)[:, 0]


@st.composite
def metrics(draw, words):
    simple = (
        cc.logit_diff,
        cc.logit_diff,
        cc.probability,
        cc.rank,
        cc.accuracy,
        cc.candidate_accuracy,
        cc.loss,
        cc.log_prob,
        cc.kl_from_clean,
    )
    of_sites = {
        "norm": lambda: cc.norm(draw(sites(words, but=("scores", "pattern"))), at=draw(one_place)),
        "attention": lambda: cc.attention(
            words.site("z", draw(layers), draw(st.integers(0, 3))).removesuffix(".z"),
            query=draw(st.sampled_from(("END", "END-1"))),
            key=draw(st.sampled_from(("A", "A[:]", "B"))),
        ),
        "fires": lambda: cc.fires(draw(features(words)), at=draw(one_place)),
        "l0": lambda: cc.l0(draw(features(words)).dictionary, at=draw(one_place)),
        "error": lambda: cc.reconstruction_error(draw(features(words)).dictionary, at=draw(one_place)),
        "both": lambda: cc.both(cc.accuracy(), cc.fires(draw(features(words)), at=draw(one_place))),
        "distractor": lambda: cc.log_prob("distractor"),
        "custom": lambda: cc.metric(margin),
    }
    if words.has("neurons"):
        of_sites["activation"] = lambda: cc.activation(words.site("neurons", draw(layers), 2), at=draw(one_place))
    if not words.has("pattern"):
        del of_sites["attention"]
    chosen = draw(st.one_of(st.sampled_from(simple), st.sampled_from(sorted(of_sites))))
    return of_sites[chosen]() if isinstance(chosen, str) else chosen()


@st.composite
def plans(draw, words):
    """(plan, rows): some views, each with some metrics, and most often the untouched model beside them, so that passes are
    shortened and stand side by side."""
    measured = [
        (view, metric)
        for view in draw(st.lists(views(words), min_size=1, max_size=4))
        for metric in draw(st.lists(metrics(words), min_size=1, max_size=2))
    ]
    measured += [(words.model, cc.logit_diff())] if draw(st.integers(0, 3)) else []
    batch = draw(batches)
    return words.two_ways.plan(words.task, *measured, batch=batch), ROWS[batch]
