"""Is a chat template one that a limit of time can stop?"""

from typing import Any

from circuitcheck.errors import BadTask

_MOST = 1_000_000  # in a product: of times that a text is repeated


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
