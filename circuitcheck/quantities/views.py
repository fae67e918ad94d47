"""Views as a user holds them: a model with interventions."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from circuitcheck.arguments import known_arguments
from circuitcheck.engine.protocol import Look, ModelCard
from circuitcheck.errors import BadIntervention, UnknownUnit, after_reload
from circuitcheck.given import checked_number
from circuitcheck.places import (
    At,
    AttnLayer,
    Circuit,
    Head,
    Site,
    Sites,
    Units,
    parse_at,
    parse_layers,
    parse_sites,
    parse_targets,
    parse_units,
    site_of,
)
from circuitcheck.places.units import Unit
from circuitcheck.plan import Ablate, Direction, Intervention, KnockOut, Patch, PatchPath, Steer, View
from circuitcheck.plan.interventions import Kind, Mode
from circuitcheck.prompts import Prompt, Tokenizer, given_prompts
from circuitcheck.quantities.dictionaries import FeatureSet
from circuitcheck.quantities.feature_views import FeatureViews
from circuitcheck.quantities.own_interventions import bound_without_task, check_direction, check_intervention
from circuitcheck.quantities.questions.html import escape_code
from circuitcheck.quantities.reading_out import ReadingOut
from circuitcheck.quantities.view_arguments import (
    check_ablated,
    check_ablation,
    check_found_here,
    check_source,
    parse_path,
    slots,
)
from circuitcheck.session import current_session
from circuitcheck.text import no_attribute, printable, shown

Places = str | Iterable[str] | None
Layers = str | Iterable[int] | None
GivenAsPrompts = str | Prompt | Iterable[str | Prompt]
Groups = list[tuple[tuple[Site, ...], At]]
_INNER = "cc.load(...).inner is TransformerLens' own model."
_ELSEWHERE = {
    "run_with_cache": f"model.cache(prompts, sites) gives the values of sites, model.logits(prompts) the logits; {_INNER}",
    "run_with_hooks": f"Interventions are views, such as model.ablate(...), or one's own, model.intervene(...); {_INNER}",
    "path_patch": "Write model.patch_path(senders, into=..., source=...).",
    "steer": "Write model.add(direction, at=..., scale=...).",
    **dict.fromkeys(("knockout", "knock_out"), "Write model.ablate(sites, kind=...), or model.knock_out_attention(...)."),
    **dict.fromkeys(("to_tokens", "to_string", "hook_dict", "cfg", "W_E", "W_U"), _INNER),
}
_WITH_VALUE_BIASES = ("z", "result", "v", "pattern")  # kinds that lie before a head's value biases, or hold them


@dataclass(frozen=True)
class ModelView(FeatureViews, ReadingOut):
    """A model with interventions, as data. Views are immutable: every method gives a new one."""

    card: ModelCard
    data: View

    @property
    def digest(self) -> str:
        return self.data.digest

    @property
    def tokenizer(self) -> Tokenizer:
        return current_session().engine.tokenizer(self.card.ref)

    @known_arguments
    def ablate(
        self,
        sites: Sites | Circuit | FeatureSet,
        *,
        kind: Kind,
        at: str | Iterable[str] | None = None,
        source: str | None = None,
        n: int | None = None,
        matching: str | Iterable[str] | None = None,
        allow_vacuous: bool = False,
    ) -> "ModelView":
        """Replace the values of `sites` at the positions `at` (None: every token). Units such as `L9H9`, `L5.mlp` or
        `L3.mlp[12]` mean their outputs; other sites are `L9H9.q`, `L5.resid_mid`, ... Of features of a dictionary
        (`cc.sae(folder)[7]`) the activations are replaced, and the error term stays.

        `kind` is never a default: `"zero"`; `"mean"`, over `n` (256) prompts of the task's reference stream, template by
        template and token by token; `"counterfactual"`, the value in the prompt's counterfactual called `source` (default:
        the first that the task declares); `"resample"`, the value in another prompt, drawn for each among those of the
        first `n` (256) of the reference stream that have its template, its token counts and its values of the slots
        `matching` (Chan et al. 2022, causal scrubbing); where none of them has, among twice as many, and so on.

        Raises UnknownUnit, UnknownSite, UnknownPosition, and BadIntervention for an unknown kind, or one that means nothing
        at a site.
        """
        check_found_here(sites, self.card.ref)
        same = slots(matching)
        found = check_ablation(kind, source, n, same)
        if isinstance(sites, FeatureSet):
            return self._ablate_features(sites, found, at, source, n, same, allow_vacuous=allow_vacuous)
        groups = self._groups(sites, at)
        check_ablated(found, [site for group, _ in groups for site in group])
        if kind == "zero":
            self._refuse_heads_without_biases(groups)
        view, size = self, Ablate.n if n is None else int(n)
        for group, where in groups:
            view = view._then(Ablate(group, found, where, source, size, same, allow_vacuous=allow_vacuous))
        return view

    @known_arguments
    def patch(
        self,
        sites: Sites | FeatureSet,
        *,
        source: str | None = None,
        at: str | Iterable[str] | None = None,
        allow_vacuous: bool = False,
    ) -> "ModelView":
        """Replace the values of `sites` (such as `L9H9`, `L9H9.q`, `L5.resid_pre`, `L3.mlp[12]`), or the activations of
        features of a dictionary, at the positions `at` (None: every token; of scores and patterns, the queries) by those of
        an untouched run on `source`: "clean", or one of the task's counterfactuals (default: its first).
        `model.on("abc").patch(..., source="clean")` is denoising.

        Raises UnknownSite, UnknownPosition; BadIntervention, when it is measured, for values from the run it is in itself.
        """
        check_source("source", source)
        if isinstance(sites, FeatureSet):
            return self._edit(sites, "patch", at, source=source, allow_vacuous=allow_vacuous)
        check_found_here(sites, self.card.ref)
        parsed = parse_sites(sites, self.card.architecture)
        return self._then(Patch(parsed, parse_at(at), source, allow_vacuous))

    @known_arguments
    def patch_path(
        self,
        senders: Units,
        *,
        into: str | Site | Iterable[str | Site],
        source: str | None = None,
        at: Places = None,
        sender_at: Places = None,
        allow_vacuous: bool = False,
    ) -> "ModelView":
        """Let receivers read `senders` (heads and MLP layers) as they are in the run called `source`, along the direct
        path, all other heads and MLPs being frozen (Wang et al. 2022, arXiv:2211.00593).

        `into` names what is received: `L9H9.q`, `L9.k`, `L9H0.v`, `L9.mlp` (what that MLP reads), or `logits`, alone. `at`
        are the receivers' positions, `sender_at` the senders'; None is every token. What acts before this intervention
        acts in the frozen run, too. Senders that come after every receiver are refused.

        Raises UnknownUnit, UnknownSite, UnknownPosition, BadIntervention.
        """
        check_source("source", source)
        check_found_here(senders, self.card.ref)
        check_found_here(into, self.card.ref)
        found, receivers = parse_path(senders, into, self.card.architecture)
        return self._then(PatchPath(found, receivers, parse_at(at), parse_at(sender_at), source, allow_vacuous))

    @known_arguments
    def knock_out_attention(
        self,
        units: Units,
        *,
        query: str | Iterable[str],
        key: str | Iterable[str],
        allow_vacuous: bool = False,
    ) -> "ModelView":
        """Let heads, or all heads of attention layers, no longer attend from the tokens `query` to the tokens `key`: those
        scores become minus infinity before the softmax (Geva et al. 2023, arXiv:2304.14767).

        Raises UnknownUnit, UnknownPosition; BadIntervention, when it is measured, for a query that is left without a key.
        """
        check_found_here(units, self.card.ref)
        scores = tuple(self._scores(unit) for unit in parse_units(units, self.card.architecture))
        whole = {site.layer for site in scores if site.index is None}
        apart = tuple(site for site in scores if site.index is None or site.layer not in whole)
        return self._then(KnockOut(apart, parse_at(query), parse_at(key), allow_vacuous))

    @known_arguments
    def add(
        self, direction: Direction | FeatureSet, *, at: Places = None, layers: Layers = None, scale: float = 1.0
    ) -> "ModelView":
        """Add `scale` times the direction's vector at the positions `at`, in each of its layers or those of `layers`. At
        several layers the doses accumulate. Features of a dictionary are raised by `scale` in their activation instead.
        Raises BadIntervention, UnknownUnit, UnknownPosition."""
        if isinstance(direction, FeatureSet):
            return self._raise_features(direction, at, layers, scale)
        return self._steer(direction, "add", at, layers, scale)

    @known_arguments
    def subtract(self, direction: Direction, *, at: Places = None, layers: Layers = None, scale: float = 1.0) -> "ModelView":
        """Subtract it, as `add` adds it."""
        return self._steer(direction, "subtract", at, layers, scale)

    @known_arguments
    def project_out(self, direction: Direction, *, at: Places = None, layers: Layers = None) -> "ModelView":
        """Take the component along the direction's vector out, at the positions `at`, in each of its layers or of `layers`.
        Raises BadIntervention, UnknownUnit, UnknownPosition."""
        return self._steer(direction, "project_out", at, layers, 1.0)

    def intervene(self, intervention: Intervention) -> "ModelView":
        """This view with an intervention of one's own (docs/extending.md): a frozen dataclass that answers the calls of
        `circuitcheck.ext.Intervention`, whose kernel is registered. Its writes are watched like those of ours.

        Raises BadIntervention for what is none, UnknownSite for sites that this model does not have.
        """
        check_intervention(intervention, self.card.architecture)
        return self._then(intervention)

    def logits(self, prompts: GivenAsPrompts) -> Any:
        """What this view says comes next: a torch tensor [prompt, vocab] of logits at each prompt's END, in float32 on the
        CPU. `prompts` are those of `task.prompts(...)`, or texts, whose last token is their END; they may differ in token
        count.

        It is a look at numbers, with the proof of a measurement. Raises BadTask for what is no prompt; BadIntervention for
        means and resampling, which need a task (`task.metric`); VacuousIntervention, StrayWrite as a claim would.
        """
        return self._look(prompts, ()).logits

    def cache(self, prompts: GivenAsPrompts, sites: Sites) -> dict[str, Any]:
        """The values of `sites` in a run of this view, by their words: torch tensors in float32 on the CPU, [prompt, pos,
        d_head] of `L2H2` (`L2H2.z`), [prompt, query, key] of `L2H2.pattern`, [prompt, pos, d_model] of `L1.resid_post`,
        [prompt, pos] of `L1.mlp[3]`, [prompt, pos, head, d_head] of all heads, `L2.z`. `prompts` are as in `logits`, all
        of one token count.

        Raises what `logits` does, UnknownSite, and BadTask for prompts that differ in token count.
        """
        parsed = parse_sites(sites, self.card.architecture)
        found = self._look(prompts, parsed).values
        return {site.words: found[site] for site in parsed}

    def on(self, base: str) -> "ModelView":
        """This view, run on the counterfactual prompts called `base` and scored on the clean prompts' answers. Raises
        BadIntervention for what is no name."""
        check_source("on(): base", base)
        return ModelView(self.card, replace(self.data, base=base))

    if not TYPE_CHECKING:  # type checkers know what is there

        def __getattr__(self, name):
            raise no_attribute(self, name, _ELSEWHERE)

    def __repr__(self) -> str:
        return printable(f"<{self.card.ref}: {self.data.describe()}>")

    def _repr_html_(self) -> str:
        return escape_code(repr(self))

    def _raise_features(self, features: FeatureSet, at: Places, layers: Layers, scale: float) -> "ModelView":
        if layers is not None:
            raise BadIntervention(f"{features} belong to {features.plan.dictionary.writes}: leave layers= out.")
        amount = checked_number("scale", scale, BadIntervention, "a finite number")
        return self._edit(features, "add", at, amount=amount)

    def _steer(self, direction: Direction, mode: Mode, at: Places, layers: Layers, scale: float) -> "ModelView":
        if isinstance(direction, FeatureSet):
            raise BadIntervention(
                f"cannot {mode.replace('_', ' ')} {direction}: model.add(features, scale=...) raises features, with a "
                f"negative scale it lowers them, and model.remove(features) takes out what they write."
            )
        check_direction(direction, mode.replace("_", " "))
        if direction.model.fingerprint != self.card.ref.fingerprint:
            raise BadIntervention(
                f"the {direction.describe()} was found in {direction.model}, and means nothing in {self.card.ref}."
            )
        scale = checked_number("scale", scale, BadIntervention, "a finite number")
        if scale == 0:
            raise BadIntervention(f"scale={scale}: {mode} with it does nothing that could be measured.")
        chosen = direction.layers if layers is None else parse_layers(layers, self.card.architecture)
        lacking = [f"L{layer}" for layer in chosen if layer not in direction.layers]
        if lacking:
            raise BadIntervention(f"the {direction.describe()} has no vector for {', '.join(lacking)}.")
        return self._then(Steer(direction, mode, parse_at(at), chosen, scale))

    def _scores(self, unit: Unit) -> Site:
        """Raises UnknownUnit for MLPs and neurons."""
        match unit:
            case AttnLayer(layer):
                return Site("scores", layer)
            case Head(layer, head):
                return Site("scores", layer, head)
        raise UnknownUnit(f"{unit} does not attend: name heads (L9H9) or attention layers (L9.attn).")

    def _groups(self, sites: Sites | Circuit, at: Places) -> Groups:
        if not isinstance(sites, Circuit):
            return [(parse_targets(sites, self.card.architecture), parse_at(at))]
        if at is not None:
            raise BadIntervention(f"{sites} has positions of its own: leave at={shown(at)} out.")
        groups = sites.groups(self.card.architecture)
        return [(tuple(map(site_of, units)), where) for units, where in groups]

    def _refuse_heads_without_biases(self, groups: Groups) -> None:
        """Zero ablation of heads whose value biases were folded away means something else. Raises BadIntervention."""
        heads = [site.words for group, _ in groups for site in group if site.kind in _WITH_VALUE_BIASES]
        if heads and self.card.architecture.without_value_biases:
            raise BadIntervention(
                f"zero ablation of {', '.join(heads[:3])}: the value biases of {self.card.ref} were folded into the "
                f"output's, so zero is not a head without output. Load it with fold_value_biases=False, or use another kind."
            )

    def _look(self, prompts: GivenAsPrompts, sites: tuple[Site, ...]) -> Look:
        source = given_prompts(prompts, self.tokenizer)
        return current_session().look(source, bound_without_task(self.data, source.facts), sites, range(len(source.given)))

    def _then(self, intervention: Intervention) -> "ModelView":
        return ModelView(self.card, self.data.then(intervention))


def as_view(given: object, what: str) -> ModelView:
    """Raises TypeError for what is neither a model nor a view, asked for by `what`."""
    if isinstance(given, ModelView):
        return given
    hint = ""
    if isinstance(given, str):
        hint = f" If it names a model, load it: cc.load({given!r})."
    elif type(given).__module__.partition(".")[0] in ("transformer_lens", "transformers", "torch"):
        hint = " cc.load(model) takes in a model object of TransformerLens."
    raise TypeError(
        f"{what} got {shown(given)}, which is no model or view; expected cc.load(...), or one of its views, such as "
        f"model.ablate('L2H2', kind='mean').{hint}{after_reload(given)}"
    )
