"""One model both ways, circuitcheck's and the reference's, the same prompts, and what is the same if both are right."""

from pathlib import Path

import torch
from dictionaries_reference import ByHand, Edit, raising, replacing, scaling, setting, unchanged

import circuitcheck as cc

ORGANISM = Path(cc.__file__).parent / "models/bundled/organism"
WIDTH, D_HEAD, N = 128, 32, 3
TOLERANCE = 2e-5
SMALLEST_REAL_EFFECT = 1e-3
EDITS = {
    "remove": (lambda view, set_, **how: view.remove(set_, **how), lambda *two: setting(*two, to=0.0)),
    "clamp": (lambda view, set_, **how: view.clamp(set_, 2.0, **how), lambda *two: setting(*two, to=2.0)),
    "scale": (lambda view, set_, **how: view.scale(set_, 0.5, **how), lambda *two: scaling(*two, by=0.5)),
}


class Pair:
    """A checkpoint both ways, and prompts of one length."""

    def __init__(self, spec, folder, task) -> None:
        self.model, self.hand, self.task = cc.load(spec), ByHand(folder), task
        first = task.prompts(24, model=self.model)
        self.prompts = [prompt for prompt in first if len(prompt.tokens) == len(first[0].tokens)][:N]
        assert len(self.prompts) == N
        self.clean = self.hand.logits(self.prompts)

    def firing(self, sae, site, n=2):
        """The features that are active at END of most prompts, the strongest among them first."""
        acts = torch.stack([self.hand.acts(prompt, sae, site)[prompt.end] for prompt in self.prompts])
        return torch.topk((acts != 0).double().sum(0) + acts.abs().mean(0) / 100, n).indices.tolist()

    def check(self, view, expected):
        """The view's logits are the expected ones, which are not those of the untouched model."""
        if isinstance(expected, Edit):
            expected = [expected]
        if isinstance(expected, list):
            expected = self.hand.logits(self.prompts, expected)
        assert (expected - self.clean).abs().max() > SMALLEST_REAL_EFFECT, "this would pass without an intervention"
        assert_close(view.logits(self.prompts), expected)

    def check_edits(self, sae, features, **how):
        """Every kind of edit, error term kept and dropped, and the splice."""
        two = self.firing(sae, how.get("reads") or how["site"])
        for apply, change in EDITS.values():
            for error in ("keep", "drop"):
                self.check(apply(self.model, features[two], error=error), self.expected(sae, how, change(*two), error))
        self.check(self.model.add(features[two], scale=1.5), Edit(sae, raising(*two, by=1.5), **how))
        self.check(self.model.through(features), self.expected(sae, how, unchanged, "drop"))
        assert_close(self.model.through(features, error="keep").logits(self.prompts), self.clean)

    def check_slice(self, sae, site, at=None):
        two, features, words = self.firing(sae, site), cc.sae(sae, at=site), list(at) if at else None
        self.check(self.model.clamp(features[two], 3.0, at=words), Edit(sae, setting(*two, to=3.0), site, at=at))
        self.check(self.model.through(features, at=words), Edit(sae, unchanged, site, at=at, error="drop"))

    def counterfactual(self, features, sae, site, source):
        """The change of activations to those of an untouched run on the same prompt's counterfactual."""
        acts = {prompt.tokens: self.hand.acts(prompt, sae, site, run=source) for prompt in self.prompts}
        return replacing(*features, of=lambda prompt: acts[prompt.tokens])

    def expected(self, sae, how, change, error):
        """sae_lens's, where it has them: matching pursuit calls no hook_sae_acts_post, and the bridge forgets W_skip."""
        silent = sae.cfg.architecture() == "matching_pursuit" and change is not unchanged
        if silent or (error == "drop" and hasattr(sae, "W_skip")):
            return [Edit(sae, change, error=error, **how)]
        return self.hand.lens_logits(self.prompts, sae, None if change is unchanged else change, error=error == "keep")


def assert_close(measured, expected, tolerance=TOLERANCE):
    measured, expected = torch.as_tensor(measured).double(), torch.as_tensor(expected).double()
    torch.testing.assert_close(measured, expected, rtol=0, atol=tolerance)
