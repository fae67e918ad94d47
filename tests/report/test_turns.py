"""Where the verdict of one claim first becomes another, model by model.

How it could be fooled: an order in which the run went through the models, and nobody named them; a model that was not run,
or not decided, taken for a change; a change back that is not told."""

import pytest
import stored
from read_page import page_of

from circuitcheck.report.page.render import as_html
from circuitcheck.report.turns import first_turns, turns_in_words

STEPS = [f"m@step{number}" for number in (1, 2, 3, 4)]
VERDICT = {"s": "supported", "r": "refuted", "?": "inconclusive", "-": "skipped", "!": "error"}


def over(verdicts, models=STEPS, name="it"):
    return [
        stored.claim(name, param, verdict=VERDICT[each], models=[*models], reason="" if each in "sr" else "why")
        for param, each in zip(models, verdicts, strict=True)
        if each != " "
    ]


@pytest.mark.parametrize(
    "verdicts, said",
    [
        ("rrss", "it: supported from step3 on; refuted on step2"),
        ("ss?r", "it: refuted from step4 on; supported on step2; not decided on step3"),
        ("r-ss", "it: supported from step3 on; refuted on step1; not decided on step2"),
        ("r ss", "it: supported from step3 on; refuted on step1"),
        ("rsrs", "it: supported on step2, but not on all later ones; refuted on step1"),
        ("rs!s", "it: supported from step2 on; refuted on step1"),
        ("s---", None),
        ("s?ss", None),
        ("-ss!", None),
        ("----", None),
    ],
)
def test_only_from_supported_to_refuted_or_back_is_a_change(verdicts, said):
    assert turns_in_words(first_turns(over(verdicts))) == ([said] if said else [])


def test_the_order_is_that_in_which_models_were_named():
    claims = over("rrss")
    assert first_turns(claims[::-1]) == first_turns(claims)
    assert turns_in_words(first_turns(over("rs", ["gpt2", "m@1"]))) == ["it: supported from m@1 on; refuted on gpt2"]


def test_the_page_says_it_where_claims_stand_beside_models():
    html = as_html(stored.report(*over("rrss")[::-1], *over("ss", STEPS[1:3], "other")))
    assert "supported from step3 on; refuted on step2" in page_of(html).text
    row = html[html.index('<th scope="row">it') : html.index('<th scope="row">other')]
    assert [cell.startswith(' class="turned"') for cell in row.split("<td")[1:]] == [False, False, True, False]
    heads = [each.partition("<")[0] for each in html.split('<th scope="col">')[2:6]]
    assert heads == STEPS
    assert html.count('class="turned"') == 1
