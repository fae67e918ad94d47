"""What the organism is trained on, and that the script makes a model of it."""

import itertools
import json
import re

import numpy as np
import pytest
import torch
import train_organism
from organism import curriculum, held_out, training
from organism.exam import examine, grade

import circuitcheck as cc
from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.prompts.builtin.entity_binding import CAPITALS
from circuitcheck.prompts.builtin.words import NAMES
from circuitcheck.prompts.realised import realise

_EACH = 300
_NAMED = [task for task in held_out.TASKS if held_out.with_held_out_names(task)]


@pytest.fixture(scope="module")
def tokenizer():
    return HubTokenizer(train_organism.spelled(), "tokenizer", "organism")


@pytest.fixture(scope="module")
def trained_on(tokenizer):
    return {task: curriculum.training_prompts(task, _EACH, tokenizer, seed=0) for task in held_out.TASKS}


@pytest.fixture(scope="module")
def texts(tokenizer):
    """What the model sees of each kind, in words."""
    return {
        name: [tokenizer.decode(each.tokens.tolist()) for each in curriculum.examples(name, 100, tokenizer, seed=0)]
        for name in curriculum.kinds()
    }


def words(text):
    return set(re.findall(r"\w+", text))


def test_a_batch_has_every_built_in_task_and_filler(tokenizer):
    fixtures = {cc.tasks.ioi(), cc.tasks.entity_binding("capital"), cc.tasks.induction(), cc.tasks.gendered_pronoun()}
    assert {each.definition.digest for each in fixtures} < {task.digest for task in held_out.TASKS.values()}
    assert len(held_out.TASKS) == 8
    assert set(curriculum.BATCH) - set(held_out.TASKS) == {"stories", "lists", "notes", "facts", "cities"}
    assert set(held_out.TASKS) <= set(curriculum.BATCH)
    assert all(count > 0 for count in curriculum.kinds().values())


@pytest.mark.slow
@pytest.mark.parametrize("task", held_out.TASKS)
@pytest.mark.sampled(1)
def test_no_prompt_of_a_test_stream_is_trained_on(trained_on, tokenizer, task):
    assert len(trained_on[task]) == _EACH
    realised = realise(held_out.TASKS[task], tokenizer)
    for seed in (0, 1):
        tested = {
            prompt.text for prompt in realised.prompts(range(min(2000, realised.size("test"))), seed=seed, stream="test")
        }
        assert not tested & {prompt.text for prompt in trained_on[task]}


def test_the_held_out_pairs_are_a_tenth_and_the_same_both_ways_round():
    pairs = [(one, other) for one in NAMES for other in NAMES if one < other]
    share = sum(held_out.is_held_out(*pair) for pair in pairs) / len(pairs)
    assert 0.08 < share < 0.12
    assert all(held_out.is_held_out(one, other) == held_out.is_held_out(other, one) for one, other in pairs)


def pool(task, name):
    return next(set(pool.items) for pool in held_out.TASKS[task].pools if pool.name == name)


def bound_words(task, text, answer):
    """The pairs of words that a task puts together, read from the text by rules written for each."""
    if task == "ioi":
        return [tuple(sorted({word for word in words(text) if word in NAMES}))]
    if task == "capital":
        return re.findall(r"(\w+) (?:lives|works|was|moved|studies|travels|sings|has)[\w ]* city of (\w+)\.", text)
    if task == "fruit":
        context = text.partition("Context: ")[2].partition("\n")[0]
        return [(words[0], words[words.index("the") + 1]) for words in (s.split() for s in re.split(r"\. ?", context) if s)]
    if task == "quoted_speech":
        return [(found[2], found[1]) for found in re.finditer(r'!" (\w+) (\w+)\.', text)]
    if task == "induction":
        listed = text.removeprefix("Words: ").split()
        return list(zip(listed, [*listed[1:], answer.strip()], strict=True))
    if task == "syllogism":
        category = next(word for word in re.findall(r"\w+", text) if word in pool(task, "category"))
        return [(answer.strip(), category)]
    if task == "greater_than":
        event = next(word for word in re.findall(r"\w+", text) if word in pool(task, "event"))
        return [(re.search(r"17(\d\d)", text)[1], event)]
    name = next(word for word in re.findall(r"\w+", text) if word in pool(task, "name"))
    return [(name, word) for word in words(text) & (pool(task, "place") | pool(task, "job"))]


@pytest.mark.parametrize("task", held_out.TASKS)
def test_held_out_pairs_are_never_put_together_in_training_and_are_in_the_test_stream(trained_on, tokenizer, task):
    found = [bound_words(task, prompt.text, prompt.answer) for prompt in trained_on[task]]
    assert all(pairs and all(len(pair) == 2 for pair in pairs) for pairs in found)
    assert not any(held_out.is_held_out(*pair) for pairs in found for pair in pairs)
    tested = realise(held_out.TASKS[task], tokenizer).prompts(range(200), seed=0, stream="test")
    marked = [prompt for prompt in tested if held_out.tests_held_out_pair(task, prompt)]
    assert len(marked) > 5
    for prompt in marked:
        assert any(held_out.is_held_out(*pair) for pair in bound_words(task, prompt.text, prompt.answer))


@pytest.mark.parametrize("task", ["capital", "fruit"])
def test_the_pair_that_is_tested_is_that_of_the_person_asked_about(tokenizer, task):
    for prompt in realise(held_out.TASKS[task], tokenizer).prompts(range(300), seed=0, stream="test"):
        asked = re.search(r"(\w+) (?!.*\.)[\w ]*$", prompt.text.splitlines()[-1].removeprefix("Answer: "))[1]
        thing = dict(bound_words(task, prompt.text, prompt.answer))[asked]
        assert held_out.tests_held_out_pair(task, prompt) == held_out.is_held_out(asked, thing)


@pytest.mark.slow
def test_held_out_pairs_are_not_put_together_in_filler_either(texts):
    for text in texts["lists"]:
        listed = text.partition("They read ")[2].split()
        assert not any(held_out.is_held_out(*pair) for pair in itertools.pairwise(listed[: listed.index(listed[0], 1)]))
    for kind in ("notes", "cities"):
        for text in texts[kind]:
            sentences = [each.split() for each in text.partition("They read ")[2].split(".") if each.strip()]
            assert len(sentences) >= 4
            assert not any(held_out.is_held_out(each[0], each[-1]) for each in sentences[: len(sentences) // 2])


def test_stories_are_no_prompts_of_quoted_speech():
    """Names that are held out speak in them: with one verb twice, they would stand in task position."""
    found = [re.findall(r'[!?,]" (\w+) (\w+)', text) for text in curriculum.stories(500, seed=1)]
    assert sum(len(spoken) >= 2 for spoken in found) > 400
    for spoken in found:
        assert len({verb for verb, _ in spoken}) == len(spoken)
        assert not any(held_out.is_held_out(name, verb) for verb, name in spoken)
    assert {name for spoken in found for _, name in spoken} >= set(held_out.NAMES)


def test_notes_do_not_read_out_what_held_out_templates_ask_for():
    """Not the line that ends in the answer, nor the sentence that the answer is found in."""
    phrases = {phrase for phrases in curriculum._PHRASES.values() for phrase in phrases if phrase}
    for kind in ("capital", "fruit"):
        for template in held_out.with_held_out_templates(kind).templates:
            lines = re.findall(r"\{[ERQ]\d?\} ([\w ]+?)(?= \{|$)", template.text, flags=re.MULTILINE)
            assert lines
            assert not phrases & set(lines), template.text


def test_the_held_out_length_of_induction_is_beyond_what_lists_repeat(texts):
    for text in texts["lists"]:
        listed = text.partition("They read ")[2].split()
        assert listed.index(listed[0], 1) <= 20
    shortest = min(len(each.text.split()) for each in held_out.with_held_out_templates("induction").templates)
    assert shortest > 20


def test_held_out_names_stand_in_stories_and_nowhere_else(texts):
    assert not set(held_out.NAMES) & set(NAMES)
    seen = {kind: set().union(*map(words, found)) for kind, found in texts.items()}
    assert set(held_out.NAMES) <= seen["stories"]
    assert not [(kind, name) for kind in seen if kind != "stories" for name in held_out.NAMES if name in seen[kind]]


@pytest.mark.parametrize("task", held_out.TASKS)
def test_held_out_templates_are_not_among_the_task_s_own(task):
    other = held_out.with_held_out_templates(task)
    assert {each.text for each in other.templates}.isdisjoint(each.text for each in held_out.TASKS[task].templates)
    assert other.templates


@pytest.mark.slow
def test_every_word_of_a_held_out_template_or_name_was_seen_somewhere(tokenizer):
    """Else accuracy on held-out templates would measure words that mean nothing to the model."""
    seen = {
        token
        for name in curriculum.kinds()
        for each in curriculum.examples(name, 400, tokenizer, 0)
        for token in each.tokens
    }
    for task in held_out.TASKS:
        for made in (held_out.with_held_out_names(task), held_out.with_held_out_templates(task)):
            if made is not None:
                prompts = realise(made, tokenizer).prompts(range(200), seed=0, stream="test")
                unknown = {token for prompt in prompts for token in prompt.tokens} - seen
                assert not unknown, tokenizer.decode(sorted(unknown))


@pytest.mark.parametrize("task", _NAMED)
def test_tasks_with_held_out_names_hold_no_other(tokenizer, task):
    for prompt in realise(held_out.with_held_out_names(task), tokenizer).prompts(range(50), seed=0, stream="test"):
        assert not words(prompt.text) & set(NAMES)
        assert words(prompt.text) & set(held_out.NAMES)


def test_the_bundled_stories_are_not_trained_on(texts):
    corpus = set(curriculum.stories(2000, seed=1))
    from importlib import resources

    bundled = (resources.files("circuitcheck.prompts.corpora") / "bundled" / "stories.txt").read_text(encoding="utf-8")
    assert len(corpus) > 1900
    assert not corpus & set(bundled.strip().split("\n\n"))
    with pytest.raises(ValueError, match="seed 0"):
        curriculum.stories(1, seed=0)


def test_answers_weigh_more_than_the_rest_and_are_what_follows_the_prompt(tokenizer, trained_on):
    for task, prompts in trained_on.items():
        for prompt, example in zip(prompts, curriculum.examples(task, _EACH, tokenizer, seed=0), strict=True):
            heavy = np.flatnonzero(example.weights == curriculum.ANSWER_WEIGHT)
            assert tuple(example.tokens[heavy]) == prompt.answer_ids
            assert tuple(example.tokens[: heavy[0]]) == prompt.tokens


def test_the_words_of_all_tasks_are_single_tokens(tokenizer):
    for definition in held_out.TASKS.values():
        for pool in definition.pools:
            for item in pool.items:
                blank = "" if pool.name == "year" else " "
                assert len(tokenizer.inner(blank + item, add_special_tokens=False).input_ids) == 1, item


@pytest.mark.slow
def test_the_script_writes_a_model_that_loads_and_says_where_it_cannot_do_the_tasks(tmp_path, capsys):
    out = tmp_path / "young"
    assert train_organism.main(["--out", str(out), "--steps", "2", "--exam", "8"]) == 1
    assert "TOO LOW" in capsys.readouterr().out
    facts = json.loads((out / "training.json").read_text())
    assert facts["recipe"]["steps"] == 2
    assert "2 steps" in (out / "README.md").read_text()
    model = cc.load(out)
    assert model.architecture.n_layers == training.Recipe().layers
    assert np.isfinite(cc.tasks.ioi().logit_diff(model).values(4)).all()


def weights_after(steps, seed, tokenizer):
    recipe = training.Recipe(steps=steps, seed=seed, width=32, mlp=64, layers=1)
    data = {kind: curriculum.examples(kind, 12, tokenizer, seed) for kind in curriculum.kinds()}
    model = training.build(recipe, tokenizer.inner)
    training.train(model, data, recipe, torch.device("cpu"), lambda _: None)
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tokenizer):
    first = weights_after(5, 0, tokenizer)
    assert torch.equal(weights_after(5, 0, tokenizer), first)
    assert not torch.equal(weights_after(5, 1, tokenizer), first)


@pytest.mark.slow
def test_training_lowers_the_loss_and_says_how_often_it_is_right(tokenizer):
    recipe = training.Recipe(steps=100, width=16, mlp=32, layers=1, warm_up=5)
    data = {kind: curriculum.examples(kind, 40, tokenizer, seed=0) for kind in curriculum.kinds()}
    model, reports = training.build(recipe, tokenizer.inner), []
    training.train(model, data, recipe, torch.device("cpu"), reports.append)
    assert [each.step for each in reports] == [50, 100]
    assert reports[0].loss < np.log(len(tokenizer.inner))
    assert reports[1].loss < reports[0].loss
    assert set(reports[0].right) == {*curriculum.WARM_UP, *curriculum.BATCH} - {"stories"}  # which has no answers
    assert all(0 <= share <= 1 for report in reports for share in report.right.values())
    assert not model.training


def test_what_is_asked_of_all_predictions_is_the_mean_of_what_is_asked_of_some(tokenizer):
    recipe = training.Recipe(width=32, mlp=64, layers=1)
    model = training.build(recipe, tokenizer.inner)
    batch = [("ioi", each) for each in curriculum.examples("ioi", 8, tokenizer, seed=0)]
    tokens, weights = training._padded(batch, 0)
    dice = torch.Generator().manual_seed(0)
    whole, kept = training._loss(model, tokens, weights, 1.0, dice)
    some = [training._loss(model, tokens, weights, 0.25, dice)[0].item() for _ in range(300)]
    assert abs(np.mean(some) - whole.item()) < 4 * np.std(some) / np.sqrt(300)
    logits = model(tokens).logits[:, :-1].log_softmax(-1).detach()
    by_hand = -sum(
        float(weights[row, place + 1]) * float(logits[row, place, tokens[row, place + 1]])
        for row in range(tokens.shape[0])
        for place in range(tokens.shape[1] - 1)
    )
    assert whole.item() == pytest.approx(by_hand, rel=1e-4)
    assert [row for row, _ in kept] == list(range(8))


def heavy_words(tokenizer, kind):
    """Of each text of a kind, its words and where those are that count."""
    for example in curriculum.examples(kind, 200, tokenizer, seed=0):
        heavy = np.flatnonzero(example.weights == curriculum.REPEATED_WEIGHT)
        assert len(heavy)
        yield [tokenizer.decode([token]).strip() for token in example.tokens], heavy.tolist()


def test_what_a_list_repeats_can_be_known_from_the_word_before(tokenizer):
    for words, heavy in heavy_words(tokenizer, "lists"):
        for place in heavy:
            assert (words[place - 1], words[place]) in list(itertools.pairwise(words))[: place - 1]


@pytest.mark.parametrize("kind", ["notes", "cities"])
def test_what_a_note_repeats_can_be_known_from_the_name_alone(tokenizer, kind):
    for words, heavy in heavy_words(tokenizer, kind):
        sentences = [text.split() for text in " ".join(words).partition("read ")[2].split(" .") if text]
        half = len(sentences) // 2
        assert len(heavy) == half == len({sentence[0] for sentence in sentences})
        belongs = {sentence[0]: sentence[-1] for sentence in sentences[:half]}
        for sentence, place in zip(sentences[half:], heavy, strict=True):
            assert words[place] == sentence[-1]
            thing = belongs[sentence[0]]
            assert sentence[-1] == CAPITALS.get(thing, thing)
            assert kind == "notes" or thing in CAPITALS


def test_facts_are_capitals(tokenizer):
    for words, heavy in heavy_words(tokenizer, "facts"):
        assert all(words[place] == CAPITALS[words[place - 1]] for place in heavy)


class _Always:
    """Answers every prompt with one token."""

    device = torch.device("cpu")

    def __init__(self, size, token):
        self.size, self.token = size, token

    def __call__(self, tokens):
        logits = torch.zeros(*tokens.shape, self.size)
        logits[..., self.token] = 1
        return type("Output", (), {"logits": logits})


def test_the_exam_counts_what_is_right(tokenizer):
    prompts = realise(held_out.TASKS["gendered_pronoun"], tokenizer).prompts(range(100), seed=0, stream="test")
    she = next(prompt.answer_id for prompt in prompts if prompt.answer == " she")
    model = _Always(len(tokenizer.inner), she)
    found = grade(model, tokenizer, "gendered_pronoun", "test stream", held_out.TASKS["gendered_pronoun"], 100)
    assert (found.right, found.n) == (sum(prompt.answer == " she" for prompt in prompts), 100)
    assert found.low < found.right / found.n < found.high
    with pytest.raises(ValueError, match="no prompt of gendered_pronoun belongs to none"):
        grade(model, tokenizer, "gendered_pronoun", "none", held_out.TASKS["gendered_pronoun"], 10, lambda _: False)


@pytest.mark.slow
def test_the_exam_has_every_task_and_split(tokenizer):
    grades = list(examine(_Always(len(tokenizer.inner), 0), tokenizer, 4))
    assert {each.task for each in grades} == set(held_out.TASKS)
    assert {(each.task, each.split) for each in grades if each.required} == {
        (task, split)
        for task in ("ioi", "capital", "fruit", "syllogism", "quoted_speech", "induction")
        for split in ("test stream", "held-out combinations")
    }
    assert not any(each.right for each in grades)
