"""Values of features from other runs, several edits at once, metrics, and what is refused, against hooks by hand."""

import pytest
import torch
from dictionaries_bench import D_HEAD, ORGANISM, TOLERANCE, WIDTH, Pair, assert_close
from dictionaries_reference import Edit, make, raising, reconstruction, replacing, scaling, setting, transcoder, unchanged

import circuitcheck as cc

REFERENCE = 24
SITE = "L1H2.v"
PLACES = {"everywhere": None, "SAYS-END": ("SAYS", "END")}


@pytest.fixture(scope="module")
def pair():
    return Pair("organism", ORGANISM, cc.tasks.quoted_speech())


@pytest.fixture(scope="module")
def ioi():
    return Pair("organism", ORGANISM, cc.tasks.ioi())


@pytest.fixture(scope="module")
def head():
    """A dictionary of one head's values."""
    return make("standard", D_HEAD, seed=5)


@pytest.fixture(scope="module")
def stream():
    """The residual stream's, with negative activations too."""
    return make("abstopk", WIDTH, seed=6)


def distances(pair, view, cases, n=2):
    """Over the task's first n prompts, how far the logits at END lie from the nearest of `cases(prompt)`, lists of edits."""

    def metric(logits, prompts):
        found = []
        for row, prompt in zip(logits, prompts, strict=True):
            expected = torch.stack([pair.hand.run(prompt, edits)[0] for edits in cases(prompt)])
            assert (expected - pair.hand.run(prompt)[0]).abs().max() > 1e-3, "this would pass without an intervention"
            found.append((expected - row).abs().amax(-1).min())
        return torch.stack(found)

    return pair.task.metric(metric, view).values(n)


def reference(pair, prompt, n=REFERENCE):
    stream = pair.task.prompts(n, model=pair.model, stream="reference")
    return [each for each in stream if each.template == prompt.template]


# --- values of other runs


@pytest.mark.parametrize("at", [None, ("S2", "END")], ids=["everywhere", "S2-END"])
@pytest.mark.parametrize("source", ["abc", "swap"])
@pytest.mark.sampled(2)
def test_patch(ioi, head, source, at):
    three, how = ioi.firing(head, SITE, n=3), {"source": source, "at": at and list(at)}
    edit = Edit(head, ioi.counterfactual(three, head, SITE, source), SITE, at=at)
    ioi.check(ioi.model.patch(cc.sae(head, at=SITE)[three], **how), edit)
    ioi.check(ioi.model.ablate(cc.sae(head, at=SITE)[three], kind="counterfactual", **how), edit)


def test_patch_through_a_transcoder(ioi):
    sae = transcoder("jumprelu_skip_transcoder", 1, WIDTH)
    three = ioi.firing(sae, "L1.mlp_in", n=3)
    change = ioi.counterfactual(three, sae, "L1.mlp_in", "abc")
    ioi.check(ioi.model.patch(cc.transcoder(sae)[three], source="abc"), Edit(sae, change, "L1.mlp_out", "L1.mlp_in"))


def test_values_of_an_untouched_run(ioi, head, stream):
    """What a patch brings is not what an earlier edit of the view would have made of the other run."""
    two, three = ioi.firing(stream, "L0.resid_post"), ioi.firing(head, SITE, n=3)
    view = ioi.model.clamp(cc.sae(stream, at="L0.resid_post")[two], 4.0).patch(cc.sae(head, at=SITE)[three], source="abc")
    change = ioi.counterfactual(three, head, SITE, "abc")
    ioi.check(view, [Edit(stream, setting(*two, to=4.0), "L0.resid_post"), Edit(head, change, SITE)])


def test_zero(pair, head):
    two = pair.firing(head, SITE)
    view = pair.model.ablate(cc.sae(head, at=SITE)[two], kind="zero", at="END")
    pair.check(view, Edit(head, setting(*two, to=0.0), SITE, at=("END",)))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["mean", "resample"])
@pytest.mark.sampled(2)
def test_reference_prompts(pair, head, kind, place):
    """A mean over the template's prompts token by token, or another prompt's, of which any will do here."""
    two, at = pair.firing(head, SITE), PLACES[place]
    view = pair.model.ablate(cc.sae(head, at=SITE)[two], kind=kind, at=at and list(at), n=REFERENCE)

    def cases(prompt):
        acts = [pair.hand.acts(each, head, SITE) for each in reference(pair, prompt)]
        assert len(acts) > 1
        values = [torch.stack(acts).mean(0)] if kind == "mean" else [a for a in acts if len(a) == len(prompt.tokens)]
        return [[Edit(head, replacing(*two, of=lambda _, v=v: v), SITE, at=at)] for v in values]

    assert distances(pair, view, cases).max() < TOLERANCE


# --- several at once


def test_two_dictionaries(pair, head, stream):
    mlp = transcoder("skip_transcoder", 0, WIDTH)
    of_head, of_stream, of_mlp = cc.sae(head, at=SITE), cc.sae(stream, at="L2.resid_post"), cc.transcoder(mlp)
    a, b, c = pair.firing(head, SITE), pair.firing(stream, "L2.resid_post"), pair.firing(mlp, "L0.mlp_in")
    view = pair.model.remove(of_head[a]).clamp(of_stream[b], 3.0, at="END").scale(of_mlp[c], 3.0, error="drop")
    edits = [
        Edit(head, setting(*a, to=0.0), SITE),
        Edit(stream, setting(*b, to=3.0), "L2.resid_post", at=("END",)),
        Edit(mlp, scaling(*c, by=3.0), "L0.mlp_out", "L0.mlp_in", error="drop"),
    ]
    pair.check(view, edits)
    for edit in edits:
        assert (pair.hand.logits(pair.prompts, edits) - pair.hand.logits(pair.prompts, [edit])).abs().max() > 1e-3


def test_two_dictionaries_of_one_site(pair, head):
    other = make("topk", D_HEAD, seed=9)
    a, b = pair.firing(head, SITE), pair.firing(other, SITE)
    first, second = cc.sae(head, at=SITE), cc.sae(other, at=SITE)
    one, two = Edit(head, setting(*a, to=4.0), SITE, at=("END",)), Edit(other, scaling(*b, by=-1.0), SITE, at=("END",))
    pair.check(pair.model.clamp(first[a], 4.0, at="END").scale(second[b], -1.0, at="END"), [one, two])
    pair.check(pair.model.scale(second[b], -1.0, at="END").clamp(first[a], 4.0, at="END"), [two, one])


def test_the_order_of_edits(pair, stream):
    """One after the other: the second finds the activations in the value that the first has left."""
    site = "L1.resid_post"
    (place,), features = pair.firing(stream, site, n=1), cc.sae(stream, at=site)
    clamped, raised = Edit(stream, setting(place, to=3.0), site), Edit(stream, raising(place, by=2.0), site)
    spliced = Edit(stream, unchanged, site, error="drop")
    f = features[place]
    views = [
        (pair.model.clamp(f, 3.0).add(f, scale=2.0), [clamped, raised]),
        (pair.model.add(f, scale=2.0).clamp(f, 3.0), [raised, clamped]),
        (pair.model.through(features).clamp(f, 3.0), [spliced, clamped]),
        (pair.model.clamp(f, 3.0).through(features), [clamped, spliced]),
    ]
    for view, edits in views:
        pair.check(view, edits)
    either = [pair.hand.logits(pair.prompts, edits) for _, edits in views]
    assert (either[0] - either[1]).abs().max() > 1e-3
    assert (either[2] - either[3]).abs().max() > 1e-3


def test_sets_of_features(pair, head):
    q = cc.sae(head, at=SITE)
    first, second = pair.firing(head, SITE)
    expected = Edit(head, setting(first, second, to=0.0), SITE)
    for same in (q[first, second], q[first] | q[second], q[[first, second]], ~~q[first, second]):
        pair.check(pair.model.remove(same), expected)
    rest = [each for each in range(64) if each != first]
    for same in (~q[first], q[rest]):
        pair.check(pair.model.remove(same), Edit(head, setting(*rest, to=0.0), SITE))


# --- metrics


def places_of(pair):
    """The dictionary, its words, what it reads, what it stands for, and the sae_lens object."""
    head, stream, mlp = make("standard", D_HEAD, 5), make("abstopk", WIDTH, 6), transcoder("skip_transcoder", 2, WIDTH)
    return [
        (cc.sae(head, at=SITE), SITE, SITE, head),
        (cc.sae(stream, at="L2.resid_post"), "L2.resid_post", "L2.resid_post", stream),
        (cc.transcoder(mlp), "L2.mlp_in", "L2.mlp_out", mlp),
    ]


@pytest.mark.parametrize("which, at", [(0, "END"), (1, "SAYS"), (2, "END")], ids=["slice", "stream", "transcoder"])
@pytest.mark.sampled(1)
def test_metrics(pair, which, at):
    """In the untouched model, and in a view that edits the dictionary's own site and one before it."""
    features, reads, writes, sae = places_of(pair)[which]
    before = make("standard", WIDTH, seed=11)
    earlier, two = pair.firing(before, "L0.resid_post"), pair.firing(sae, reads)
    edits = [
        Edit(before, setting(*earlier, to=4.0), "L0.resid_post"),
        Edit(sae, setting(*two, to=2.0), writes, None if reads == writes else reads),
    ]
    view = pair.model.clamp(cc.sae(before, at="L0.resid_post")[earlier], 4.0).clamp(features[two], 2.0)
    prompts = pair.task.prompts(4, model=pair.model)
    for model, edited in ((pair.model, []), (view, edits)):
        rows = []
        for prompt in prompts:
            (index,) = prompt.positions[at]
            read, written = (pair.hand.value(prompt, site, edited)[index] for site in (reads, writes))
            with torch.no_grad():
                acts, error = sae.encode(read[None])[0], (reconstruction(sae, read[None])[0] - written).square().sum()
            one, both = acts[two[0]], acts[two]
            rows.append([one, both.sum(), (one != 0).float(), (both != 0).all().float(), (acts != 0).sum(), error])
        expected = torch.tensor(rows).T
        metrics = [
            cc.activation(features[two[0]], at=at),
            cc.activation(features[two], at=at),
            cc.fires(features[two[0]], at=at),
            cc.fires(features[two], at=at),
            cc.l0(features, at=at),
            cc.reconstruction_error(features, at=at),
        ]
        for metric, one in zip(metrics[:-1], expected[:-1], strict=True):
            assert_close(pair.task.metric(metric, model).values(4), one)
        assert_close(pair.task.metric(metrics[-1], model).values(4), expected[-1], 1e-5 * float(expected[-1].max()))


def test_activations_as_sae_lens_caches_them(pair):
    sae = make("gated", WIDTH, metadata={"hook_name": "blocks.1.hook_resid_post"})
    prompts, features = pair.task.prompts(3, model=pair.model), cc.sae(sae)
    cached = torch.stack([pair.hand.lens_acts(prompt, sae)[prompt.end] for prompt in prompts])
    for feature in (*pair.firing(sae, "L1.resid_post"), 0):
        metric = cc.activation(features[feature], at="END")
        assert_close(pair.task.metric(metric, pair.model).values(3), cached[:, feature])
    assert_close(pair.task.metric(cc.l0(features), pair.model).values(3), (cached != 0).sum(-1))


def test_other_metrics_read_the_view(pair, head):
    """D(clean || view) at END, and a pattern after an edited query."""
    sae, prompts = make("standard", D_HEAD, seed=7), pair.task.prompts(4, model=pair.model)
    two = pair.firing(sae, "L1H2.q")
    view, edit = pair.model.clamp(cc.sae(sae, at="L1H2.q")[two], 4.0), [Edit(sae, setting(*two, to=4.0), "L1H2.q")]
    clean, after = (pair.hand.logits(prompts, edits).double().log_softmax(-1) for edits in ([], edit))
    assert_close(pair.task.metric(cc.kl_from_clean(), view).values(4), (clean.exp() * (clean - after)).sum(-1))
    attention = [pair.hand.pattern(prompt, 1, 2, edit)[prompt.end, prompt.positions["SAYS"][0]] for prompt in prompts]
    assert_close(pair.task.metric(cc.attention("L1H2", query="END", key="SAYS"), view).values(4), attention)
