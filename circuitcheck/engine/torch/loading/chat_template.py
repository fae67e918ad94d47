"""Is a chat template one that a limit of time can stop, and which day is it there?"""

import json
from datetime import datetime
from typing import Any

from circuitcheck.errors import BadTask

_MOST = 1_000_000  # in a product: of times that a text is repeated
DAY = datetime(2024, 7, 26)
_DIRECTIVES = ("-d", "-m", "-H", "-I", "-M", "-S", *"aAbBcdDeFHIjmMpSTuUVwWxXyY", "%")


def on_a_fixed_day(template: str) -> str:
    """The template, for which it is always the same day. `strftime_now` is a macro here: transformers hands a template no
    function of ours, but the text `<function>` in its place. The last newline is one that its `trim_blocks` takes away."""
    texts = json.dumps({f"%{each}": DAY.strftime(f"%{each}") for each in _DIRECTIVES})
    macro = (
        "{%- macro strftime_now(format) -%}{%- set day = namespace(text=format) -%}"
        f"{{%- for directive, text in {texts}.items() -%}}"
        "{%- set day.text = day.text.replace(directive, text) -%}{%- endfor -%}{{ day.text }}{%- endmacro %}\n"
    )
    return macro + template


def check_template(template: Any, name: str) -> None:
    """Raises BadTask for powers and products so large that one step in C outlasts every limit: no chat needs them. What is
    no Jinja at all is left to who applies it."""
    from jinja2 import Environment, TemplateSyntaxError, nodes

    for text in template.values() if isinstance(template, dict) else [template]:
        try:
            parsed = Environment(extensions=["jinja2.ext.loopcontrols"]).parse(str(text))
        except (TemplateSyntaxError, RecursionError):
            continue
        powers = list(parsed.find_all(nodes.Pow))
        factors = [side for product in parsed.find_all(nodes.Mul) for side in (product.left, product.right)]
        large = [each.value for each in factors if isinstance(each, nodes.Const) and _is_large(each.value)]
        if powers or large:
            what = "raises numbers to powers" if powers else f"multiplies by {large[0]:,}"
            raise BadTask(
                f"the chat template of {name} {what}, which could take for ever and which no chat needs. Get the tokenizer "
                f"that belongs to the model."
            )


def _is_large(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) > _MOST
