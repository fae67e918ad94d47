"""Strategies are used where they save work, and the tokens and layers that are run are counted on the model itself."""

import pytest
import torch
from spies import counted

import circuitcheck as cc
from circuitcheck.engine.torch.shortened.passes import Read, whole_pass
from circuitcheck.engine.torch.sites.forward import activations, forward

N = 6


@pytest.fixture(scope="module")
def gpt2(two_ways):
    return two_ways("gpt2")


@pytest.fixture(scope="module")
def model(gpt2):
    return gpt2.model


@pytest.fixture(scope="module")
def width(task, model):
    """Tokens of the prompts that are read here."""
    (found,) = {len(prompt.tokens) for prompt in task.prompts(N, model=model)}
    return found


@pytest.fixture(scope="module")
def task(alike):
    return alike


@pytest.fixture
def ran(gpt2, task):
    """What a plan runs of each layer, once the ways of shortening passes have been tried: the first time, or after itself,
    in batches of another size."""

    def run(*views, metric=None, again=False, batch=32):
        cells = [(view, metric or cc.logit_diff()) for view in views]
        gpt2.compare(gpt2.plan(task, *cells), N)
        if not again:
            gpt2.forget()
        plan = gpt2.plan(task, *cells, batch=batch)
        with counted(gpt2.loaded.model) as seen:
            gpt2.fast(plan, N)
        return seen

    return run


def zero(model, site, at="END"):
    return model.ablate(site, kind="zero", at=at)


def test_an_ablation_at_the_last_token_of_the_last_layer_runs_that_alone(ran, model, width):
    seen = ran(model, zero(model, "L2H1"))
    assert seen == {0: [(N, width)], 1: [(N, width)], 2: [(N, width), (N, 1)]}


def test_one_in_the_middle_runs_all_layers_from_there(ran, model, width):
    seen = ran(model, zero(model, "L1H1", at="B"))
    before = width - next(iter(seen[1][1:]))[1]
    assert seen == {0: [(N, width)], 1: [(N, width), (N, width - before)], 2: [(N, width), (N, width - before)]}
    assert 0 < before < width - 1


def test_an_ablation_everywhere_in_the_first_layer_runs_everything(ran, model, width):
    assert set(map(tuple, ran(model, zero(model, "L0H1", at=None)).values())) == {((N, width), (N, width))}


def test_passes_that_start_at_one_place_are_run_side_by_side(ran, model, width):
    seen = ran(model, *(zero(model, f"L2H{head}") for head in range(4)))
    assert seen[2] == [(N, width), (4 * N, 1)]


def test_passes_from_other_places_are_not(ran, model, width):
    seen = ran(model, zero(model, "L2H0"), zero(model, "L2H1", at="END-1"), zero(model, "L1H1"))
    assert sorted(seen[2]) == sorted([(N, width), (N, 1), (N, 2), (N, 1)])


def test_no_pass_is_shortened_that_would_be_the_only_one(ran, model, width):
    """It would have to be run whole first, to start from."""
    assert ran(zero(model, "L2H1")) == {layer: [(N, width)] for layer in range(3)}


def test_runs_of_a_counterfactual_start_from_that_one(ran, model, width):
    seen = ran(model.on("abc"), zero(model.on("abc"), "L2H1"))
    assert seen == {0: [(N, width)], 1: [(N, width)], 2: [(N, width), (N, 1)]}


def test_a_metric_of_a_lower_layer_keeps_that_layer(ran, model, width):
    seen = ran(model, zero(model, "L2H1"), metric=cc.norm("L1.resid_post", at="B"))
    assert seen[0] == [(N, width)]
    assert len(seen[1]) == 2
    assert 1 < seen[1][1][1] < width


def test_layers_after_the_last_that_is_looked_at_are_not_run(ran, model, width):
    seen = ran(model, zero(model, "L0H1"), metric=cc.norm("L1.resid_post", at="END"))
    assert seen == {0: [(N, width), (N, 1)], 1: [(N, width), (N, 1)], 2: [(N, width)]}


def test_layers_that_are_written_to_are_run_though_nothing_looks_there(ran, model, width):
    """Else nobody could say that the intervention acted."""
    assert ran(model, zero(model, "L2H1"), metric=cc.norm("L0.resid_post", at="END"))[2] == [(N, width), (N, 1)]


@pytest.fixture
def unembedded(gpt2):
    """[rows, tokens, words] of what the unembedding gave out while a plan was run."""

    def run(plan, rows):
        gpt2.compare(plan, rows)
        gpt2.forget()
        unembed, found = gpt2.loaded.model.unembed, []
        honest = unembed.forward

        def looked_at(*given, **how):
            logits = honest(*given, **how)
            found.append(tuple(logits.shape))
            return logits

        vars(unembed)["forward"] = looked_at
        try:
            gpt2.fast(plan, rows)
        finally:
            del vars(unembed)["forward"]
        return found

    return run


def test_logits_are_worked_out_where_they_are_read(gpt2, unembedded, task, model):
    plan = gpt2.plan(task, (model, cc.accuracy()), (zero(model, "L2H1"), cc.accuracy()))
    vocabulary = int(gpt2.loaded.model.cfg.d_vocab)
    assert unembedded(plan, N) == [(N, 1, vocabulary)] * 2


def test_a_logit_difference_reads_the_words_that_it_compares(gpt2, unembedded, task, model):
    plan = gpt2.plan(task, (model, cc.logit_diff()), (zero(model, "L2H1"), cc.logit_diff()), batch=1)
    assert unembedded(plan, 1) == [(1, 1, 2)] * 2


def test_metrics_that_read_no_words_get_one(gpt2, unembedded, task, model):
    norm = cc.norm("L2.resid_post", at="END")
    plan = gpt2.plan(task, (model, norm), (zero(model, "L2H1"), norm), batch=1)
    assert unembedded(plan, 1) == [(1, 1, 1)] * 2


def test_beside_another_metric_it_reads_all(gpt2, unembedded, task, model):
    view = zero(model, "L2H1")
    plan = gpt2.plan(task, (model, cc.logit_diff()), (view, cc.logit_diff()), (view, cc.rank()), batch=1)
    assert [words for _, _, words in unembedded(plan, 1)] == [2, int(gpt2.loaded.model.cfg.d_vocab)]


def test_means_and_directions_work_out_no_logits(gpt2, task):
    """Only what the sites show is taken of these passes."""
    model, read = gpt2.loaded.model, []
    tokens = torch.tensor([prompt.tokens for prompt in task.prompts(2, model=gpt2.model)])
    honest = model.unembed.forward
    vars(model.unembed)["forward"] = lambda *given, **how: read.append(given) or honest(*given, **how)
    try:
        found = activations(model, tokens, [("resid_post", 2)])["resid_post", 2]
        assert read == []
        forward(model, tokens)
        assert len(read) == 1
    finally:
        del vars(model.unembed)["forward"]
    whole = whole_pass(model, tokens, (), [("resid_post", 2)], Read(torch.zeros(1).long(), torch.zeros(1).long()))[1]
    assert torch.equal(found, whole["resid_post", 2])


def test_a_recording_is_there_for_the_next_plan(ran, model, width):
    """What shorter passes start from is not run again where nobody asks what it shows."""
    views = [zero(model, f"L2H{head}") for head in range(4)]
    assert ran(*views, again=True) == {2: [(4 * N, 1)]}


def test_an_untouched_pass_is_run_once(ran, model, width):
    """What is looked at in it later is run from there."""
    assert ran(model, zero(model, "L2H1"), again=True) == {2: [(N, 1)]}
    assert ran(model, metric=cc.norm("L1.resid_post", at="B"), again=True) == {1: [(N, width)], 2: [(N, width)]}


@pytest.mark.parametrize("batch", [N, 2 * N])
def test_for_batches_of_another_size_it_is_run_again_though_they_hold_the_same_prompts(ran, model, width, batch):
    """Else the noise floor, which compares the two, would be that of one run."""
    assert ran(model, zero(model, "L2H1"), again=True, batch=batch)[0] == [(N, width)]


def test_a_pass_whose_values_others_take_is_run_whole(ran, model, width):
    """A path reads what all heads and MLPs gave in the run up to it."""
    before = zero(model, "L1H0")
    seen = ran(model, before, before.patch_path("L1H1", into="L2H1.q", source="abc", at="END"))
    assert (
        seen[0].count((N, width)) == 3
    )  # the clean run, that of the counterfactual, and the one that the path goes through


def path(model, sender, into, at="END"):
    return model.patch_path(sender, into=into, source="abc", at=at, sender_at=at, allow_vacuous=True)


def test_a_path_runs_from_sender_to_receiver_and_then_from_the_receiver_on(ran, model, width):
    seen = ran(model, path(model, "L0H1", "L1H2.q"))
    assert {layer: found.count((N, 1)) for layer, found in seen.items()} == {0: 1, 1: 2, 2: 1}


def test_paths_from_one_layer_share_a_pass_that_leaves_out_the_layers_between(ran, model, width):
    seen = ran(model, *(path(model, f"L0H{head}", "L2H2.q") for head in range(4)))
    assert {layer: found.count((4 * N, 1)) for layer, found in seen.items()} == {0: 1, 1: 0, 2: 2}


def test_what_senders_do_at_earlier_tokens_reaches_no_receiver_at_later_ones(ran, model, width):
    """All heads being frozen, so that these tokens are not run."""
    view = model.patch_path("L0H1", into="L1H2.q", source="abc", at="END", sender_at=None)
    assert {layer: found.count((N, 1)) for layer, found in ran(model, view).items()} == {0: 1, 1: 2, 2: 1}
