"""Every intervention and every metric on models that do something, the bundled organism and SmolLM2, against a forward
pass written out by hand on plain `transformers` modules (`forward.py`)."""

import json

import numpy as np
import pytest
import torch
from cases import (
    ORGANISM_CASES,
    PATHS,
    PLACES,
    REFERENCE_PROMPTS,
    RESAMPLED,
    SMALLEST_REAL_EFFECT,
    SMOLLM2_CASES,
    TOLERANCE,
    VIEWS,
    On,
    check_metrics,
    check_path,
    check_resampled,
)
from plain import PlainModel, load_folder, load_smollm2
from real_models import Case, Pair, Put, columns, of_heads, zero
from sites_bench import ORGANISM, Remembering
from sites_reference import Plain, Write

import circuitcheck as cc
from circuitcheck.errors import BadTask, VacuousIntervention


def organism_on(task: cc.Task, n: int) -> Pair:
    session = cc.Session(cc.Settings(batch=n))
    with cc.use_session(session):
        model = cc.load("organism")
    return Pair(model, Remembering(load_folder(ORGANISM).network.requires_grad_(False)), session, task, n)


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


@pytest.mark.slow
def test_smollm2_reads_the_same_tokens(smollm2_pair, smollm2_by_hand):
    for prompt in smollm2_pair.prompts:
        assert smollm2_by_hand.tokens(prompt.text) == list(prompt.tokens)
        assert smollm2_by_hand.word(prompt.answer) == prompt.answer_id
        for counterfactual in prompt.counterfactuals.values():
            assert smollm2_by_hand.tokens(counterfactual.text) == list(counterfactual.tokens)


@pytest.mark.parametrize("name", ORGANISM_CASES)
@pytest.mark.sampled(15)
def test_an_intervention_on_the_organism_is_what_it_is_by_hand(organism, name):
    organism.check(ORGANISM_CASES[name](On(organism)), TOLERANCE, SMALLEST_REAL_EFFECT)


# What the organism's and the random models' cases show at every token, these show again, and take longest; and patches of
# sites that all heads share are the same code in a model of any size.
_SHOWN_BEFORE = (
    "mean ablation of neurons everywhere",
    "mean ablation of heads everywhere",
    "mean ablation of an MLP at two tokens",
    *(f"patch of {kind}" for kind in ("resid_pre", "resid_mid", "attn_out", "mlp_in", "mlp_out", "scores", "result")),
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in _SHOWN_BEFORE else []) for name in SMOLLM2_CASES]
)
@pytest.mark.slow
def test_an_intervention_on_smollm2_is_what_it_is_by_hand(smollm2_pair, name):
    smollm2_pair.check(SMOLLM2_CASES[name](On(smollm2_pair)), TOLERANCE, SMALLEST_REAL_EFFECT)


@pytest.mark.parametrize("source", ["abc", "swap"])
@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("name", PATHS)
@pytest.mark.sampled(5)
def test_a_path_of_the_organism_is_what_it_is_by_hand(organism, name, where, source):
    check_path(organism, name, *PLACES[where], source)


@pytest.mark.parametrize(
    "name, where",
    [("heads and an MLP into one q, one k and an MLP", "everywhere"), ("heads and an MLP into the logits", "at END")],
)
@pytest.mark.slow
def test_a_path_of_smollm2_is_what_it_is_by_hand(smollm2_pair, name, where):
    check_path(smollm2_pair, name, *PLACES[where])


@pytest.mark.parametrize("into", ["L2H1.q", "L2.mlp", "logits"])
def test_a_direct_path_stays_at_its_token(organism, into):
    """What a head adds at a name is not read at END, but by heads that attend: nothing changes."""
    view = organism.model.patch_path("L1H0-3", into=into, source="abc", at="END", sender_at="IO")
    with pytest.raises(VacuousIntervention, match="path patch"):
        organism.measured(view)


@pytest.mark.parametrize("at", [None, ("END",), ("S2", "END")], ids=str)
@pytest.mark.parametrize("what", RESAMPLED)
@pytest.mark.sampled(4)
def test_a_resample_ablation_of_the_organism_takes_the_values_of_one_prompt_that_fits(organism, what, at):
    check_resampled(organism, what, at, 128)


@pytest.mark.slow
def test_a_resample_ablation_of_smollm2_takes_the_values_of_one_prompt_that_fits(smollm2_pair):
    check_resampled(smollm2_pair, "heads", None, REFERENCE_PROMPTS)


@pytest.mark.parametrize("name", VIEWS)
def test_metrics_of_the_organism_are_what_they_are_by_hand(organism, name):
    check_metrics(organism, name)


@pytest.mark.slow
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
        np.testing.assert_array_equal(pair.measured(each.view, cc.candidate_accuracy()), expected)
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
@pytest.mark.sampled(3)
def test_the_log_probability_of_an_answer_of_several_tokens_is_the_sum_over_them(of_records, kind, at, of):
    """The tokens of the answer are fed in, after the prompt and after its counterfactual. Everywhere is there, too."""
    pair, metric = of_records, cc.log_prob(of=of)
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
