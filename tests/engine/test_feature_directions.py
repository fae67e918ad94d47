"""What one unit of a feature writes is what the dictionary's own decoder adds for it, whatever the architecture."""

import warnings

import pytest
import torch

from circuitcheck.engine.torch.dictionaries.dictionary import load_dictionary
from circuitcheck.places import Site
from circuitcheck.plan import MadeFor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("sae_lens")  # it registers its architectures
    from sae_lens.registry import SAE_CLASS_REGISTRY

SETTINGS = {"topk": {"k": 4}, "abstopk": {"k": 4}, "topk, rescaled": {"k": 4, "rescale_acts_by_decoder_norm": True}}
ALONE = sorted(set(SAE_CLASS_REGISTRY) - {"temporal"})


@pytest.mark.parametrize("name", [*ALONE, "topk, rescaled"])
def test_a_direction_is_what_the_decoder_adds(name):
    kind, config = SAE_CLASS_REGISTRY[name.partition(",")[0]]
    transcodes = "transcoder" in name
    given = dict(SETTINGS.get(name, {}), **({"d_out": 12, "apply_b_dec_to_input": False} if transcodes else {}))
    torch.manual_seed(0)
    sae = kind(config(d_in=16, d_sae=24, **given))
    for parameter in sae.parameters():
        parameter.data = torch.randn_like(parameter)
    loaded = load_dictionary(
        sae, reads=Site("resid_mid", 0), writes=Site("mlp_out", 0), given=MadeFor(), transcoder=transcodes
    )
    values, activations = torch.randn(5, 16), torch.randn(5, 24)
    more = activations.clone()
    more[:, 7] += 1.5
    added = loaded.decode(more, values) - loaded.decode(activations, values)
    torch.testing.assert_close(added, 1.5 * loaded.directions([7]).expand(5, -1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(loaded.directions()[7:8], loaded.directions([7]))
