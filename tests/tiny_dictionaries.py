"""Tiny dictionaries of features with random weights, made with sae_lens."""

import warnings

import torch


def tiny_sae(width, seed=0, *, features=32, hook=None, silent=(), out=None, **config):
    """Of the values [width] at TransformerLens's `hook`. About half of its features fire on values of the size of a residual
    stream, those of `silent` never. With `out`, a transcoder that writes there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sae_lens imports what TransformerLens calls deprecated
        from sae_lens.saes.sae import SAEMetadata
        from sae_lens.saes.standard_sae import StandardSAE, StandardSAEConfig
        from sae_lens.saes.transcoder import Transcoder, TranscoderConfig

        told = SAEMetadata(**({"hook_name": hook} if hook else {}), **({"hook_name_out": out} if out else {}))
        how = {"d_in": width, "d_sae": features, "metadata": told, "apply_b_dec_to_input": False, **config}
        made = Transcoder(TranscoderConfig(d_out=width, **how)) if out else StandardSAE(StandardSAEConfig(**how))
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in made.parameters():
            weights.copy_(torch.randn(weights.shape, generator=chance) * (0.3 if weights.ndim == 1 else width**-0.5))
        made.b_enc[list(silent)] = -1e4
    return made.eval()


def random_dictionary(site, width, seed=0, **how):
    """The same, attached to a site."""
    import circuitcheck as cc

    return cc.sae(tiny_sae(width, seed, **how), at=site)
