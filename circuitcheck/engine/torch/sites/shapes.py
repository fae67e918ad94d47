"""The shapes of tensors, by name. A batch holds prompts of one token count, or some that are followed by tokens
which nobody reads.

`prompt` counts the prompts of a batch, `pos` their tokens, `index` pairs of a prompt and a token. A name alone has a space
before it, or a linter takes it for a forward reference.
"""

from jaxtyping import Bool, Float, Int
from torch import Tensor

Tokens = Int[Tensor, "prompt pos"]
Logits = Float[Tensor, "prompt pos vocab"]
LogitsRead = Float[Tensor, "prompt *token vocab"]  # at each END; or for each token of an answer
# What a site holds: [prompt, pos, d_model], [prompt, pos, head, d_head], ...; [prompt, head, query, key] of patterns and
# scores. `circuitcheck.places.site_kinds` has the axes of each kind.
Value = Float[Tensor, "prompt *axes"]
Differs = Bool[Tensor, "prompt *axes"]  # where a value does
HeadValues = Float[Tensor, "prompt pos head d_head"]
HeadResults = Float[Tensor, "prompt pos head d_model"]
Index = Int[Tensor, " index"]
AtIndex = Float[Tensor, "index *axes"]  # what a site holds at each index
Activations = Float[Tensor, "index feature"]  # of a dictionary's features
PerPrompt = Float[Tensor, " prompt"]
PerToken = Float[Tensor, "prompt pos"]
Vector = Float[Tensor, " d_model"]
