"""`+folded`: norms folded into the next layer, writing weights and unembedding centred, value biases left where they are."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import processed_hooked_transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

import circuitcheck as cc
from circuitcheck.errors import BadIntervention, BadSpec
from circuitcheck.models import parse_spec

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TESTS = Path(__file__).parents[1]
ORGANISM = Path(cc.__file__).parent / "models/bundled/organism"
LAYER_NORM = ("gpt2", "neox", "neox_sequential")
FAMILIES = (*LAYER_NORM, "llama", "gemma3", "gemma3 with capped logits", "qwen2", "qwen3")
MANY_INTERVENTIONS = ("gpt2", "gemma3 with capped logits")  # a norm that centres, and one that does not
N = 8
TOLERANCE = 1e-4


@pytest.mark.parametrize(
    "text, kind, source, revision",
    [
        ("organism", "bundled", "organism", None),
        ("smollm2-135m-q4", "packaged-gguf", "smollm2-135m-q4", None),
        ("gpt2", "hub", "gpt2", None),
        ("EleutherAI/pythia-160m@step512", "hub", "EleutherAI/pythia-160m", "step512"),
        ("models/model.Q4_K_M.gguf", "gguf", "models/model.Q4_K_M.gguf", None),
    ],
)
def test_each_form_of_spec_can_be_folded(text, kind, source, revision):
    plain, folded = parse_spec(text), parse_spec(f"{text}+folded")
    assert (folded.kind, folded.source, folded.revision) == (kind, source, revision)
    assert (plain.processing, folded.processing) == ("none", "folded")
    assert str(folded) == f"{text}+folded"
    assert parse_spec(str(folded)) == folded != plain


def test_a_folder_can_be_folded(tmp_path):
    folded = parse_spec(f"{tmp_path}+folded", dtype="float64", bos="never")
    assert (folded.kind, folded.source, folded.processing) == ("folder", str(tmp_path), "folded")
    assert (folded.dtype, folded.bos) == ("float64", "never")


def test_a_folder_that_is_called_so_is_a_folder(tmp_path):
    for name in ("x", "x+folded"):
        (tmp_path / name).mkdir()
    plain, folded = parse_spec(f"{tmp_path}/x+folded"), parse_spec(f"{tmp_path}/x+folded+folded")
    assert (plain.kind, plain.source, plain.processing) == ("folder", f"{tmp_path}/x+folded", "none")
    assert (folded.kind, folded.source, folded.processing) == ("folder", f"{tmp_path}/x+folded", "folded")


@pytest.mark.parametrize("text", ["+folded", "/no/such/folder+folded", "organism+Folded", "organism+fold", "gpt2@+folded"])
def test_what_can_be_no_spec_is_refused_folded_too(text):
    with pytest.raises(BadSpec):
        parse_spec(text)


def tiny_families():
    """The reference's random models: every weight and bias of theirs is drawn, norms' too."""
    spec = importlib.util.spec_from_file_location("tiny_families", TESTS / "reference/tiny_families.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def save(family, folder):
    tokenizer = AutoTokenizer.from_pretrained(ORGANISM)
    network = tiny_families().tiny_model(family.split()[0], vocab=len(tokenizer))
    if family.endswith("capped logits"):
        network.config.final_logit_softcapping = 2.0
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {family: save(family, tmp_path_factory.mktemp("family")) for family in FAMILIES}


def measured_at_once(quantities):
    """{name: [model, prompt]} of a {name: quantity} for each model."""
    found = []
    for each in quantities:
        cells = [cell for quantity in each.values() for cell in quantity.cells]
        where = next(iter(each.values())).prompts
        found.append(cc.current_session().measure(where, cells, range(N)).values)
    return dict(zip(quantities[0], np.stack(found, axis=1), strict=True))


def differing(found, tolerance):
    """{name: largest difference between the models}, where it is too large."""
    largest = {name: float(np.abs(one - other).max()) for name, (one, other) in found.items()}
    return {name: value for name, value in largest.items() if not value <= tolerance}


class Both:
    """A model as it is and folded, in one session."""

    def __init__(self, family, spec):
        self.family, self.task = family, cc.tasks.ioi().on_stream("test")
        self.plain, self.folded = cc.load(spec), cc.load(f"{spec}+folded")
        self.has_layer_norm = family in LAYER_NORM

    def values(self, make, metric=None):
        """What `make` makes of both, measured: [model, prompt]."""
        metric = metric or cc.logit_diff()
        return np.stack([self.task.metric(metric, make(model)).values(N) for model in (self.plain, self.folded)])

    def measured(self, quantities_of):
        """{name: [model, prompt]} of the quantities that a function makes of each model, all of a model's in one plan."""
        return measured_at_once([quantities_of(model) for model in (self.plain, self.folded)])


@pytest.fixture(scope="module", params=[*FAMILIES, "organism"])
def both(request, folders):
    with cc.use_session(cc.Session(cc.Settings(batch=N))):
        spec = "organism" if request.param == "organism" else str(folders[request.param])
        yield Both(request.param, spec)


@pytest.fixture(autouse=True)
def fresh_session(request):
    """Models of `both` outlive a test."""
    if "both" in request.fixturenames:
        yield
        return
    with cc.use_session(cc.Session()):
        yield


def test_the_fingerprint_says_that_a_model_is_folded(both):
    assert both.plain.fingerprint["processing"] == "none"
    assert both.folded.fingerprint["processing"] == "folded"
    assert both.plain.ref.fingerprint != both.folded.ref.fingerprint
    assert both.folded.ref.spec == f"{both.plain.ref.spec}+folded"
    assert "+folded" in repr(both.folded)


def test_a_folded_model_has_the_parts_of_the_model(both):
    assert both.folded.architecture == both.plain.architecture
    assert not both.folded.architecture.without_value_biases


def distributions(task, model):
    """[prompt, vocabulary]: log-probabilities at END, in float64."""
    found = []

    def keep(logits, prompts):
        found.append(logits.double().log_softmax(-1).cpu())
        return torch.zeros(len(prompts))

    task.metric(cc.metric(keep), model).values(N)
    return found[-1].numpy()  # a metric is called twice, to see that it says the same


@pytest.mark.sampled(3)
def test_a_folded_model_says_the_same_as_the_model(both):
    plain, folded = distributions(both.task, both.plain), distributions(both.task, both.folded)
    assert plain.shape[0] == N
    np.testing.assert_allclose(folded, plain, rtol=0, atol=TOLERANCE)


@pytest.mark.sampled(3)
def test_a_folded_model_is_another_model_inside(both):
    """Where a norm has weights, they are gone, so that its neighbours differ; the model itself has stayed as it was."""
    fingerprints = both.plain.fingerprint["weights"], both.folded.fingerprint["weights"]
    assert fingerprints[0] != fingerprints[1]
    with cc.use_session(cc.Session(cc.Settings(batch=N))):
        alone = distributions(both.task, cc.load(both.plain.ref.spec))
    np.testing.assert_array_equal(distributions(both.task, both.plain), alone)


LAYER_SITES = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "mlp_in", "neurons")
HEAD_SITES = ("z", "result", "q", "k", "v", "scores", "pattern")


def direction(model, site="resid_post"):
    return cc.mean_difference(cc.tasks.ioi(), model, site, at="IO", minus="S1", layers="L0-1", n=8)


KEPT = {
    **{
        f"{kind} ablation of {words} at {at}": lambda model, kind=kind, words=words, at=at: model.ablate(
            words, kind=kind, at=at, **({} if kind in ("zero", "counterfactual") else {"n": 32})
        )
        for kind in ("zero", "mean", "counterfactual", "resample")
        for words in ("L0H1, L1H2", "L1.attn", "L1.mlp", "L1.mlp[3-30]")
        for at in ("END", None)
    },
    **{
        f"patch of {site} at {at}": lambda model, site=site, at=at: model.patch(f"L1.{site}", source="abc", at=at)
        for site in (*LAYER_SITES, *HEAD_SITES)
        for at in ("S2, END", None)
    },
    "patch of embed": lambda model: model.patch("embed", source="abc", at="S2"),
    "denoising": lambda model: model.on("abc").patch("L0.resid_post, L1H2", source="clean", at="S2, END"),
    "knock-out": lambda model: model.knock_out_attention("L1.attn, L0H1", query="END, S2", key="IO"),
    "path into q": lambda model: model.patch_path("L0H0-1, L0.mlp", into="L1H2.q", source="abc"),
    "path into k and v": lambda model: model.patch_path("L0H0-1, L0.mlp", into="L1.k, L1H0.v", source="abc"),
    "path into an MLP": lambda model: model.patch_path("L0H0-1, L0.mlp", into="L1.mlp", source="abc"),
    "path into the logits": lambda model: model.patch_path("L0H0-3, L1.mlp", into="logits", source="abc"),
    "adding in one layer": lambda model: model.add(direction(model), at="END", layers="L1", scale=1.5),
    "adding in two layers": lambda model: model.add(direction(model), at="END"),
    "subtracting": lambda model: model.subtract(direction(model, "resid_pre"), at="END"),
    "all but a circuit": lambda model: model.ablate(~cc.circuit({"END": "L1H0-2", "S2": "L0H0-1"}), kind="zero"),
}


def views_of(model, named):
    parallel = model.architecture.parallel  # blocks with parallel layers have no stream in between
    return {name: make(model) for name, make in named.items() if not (parallel and "resid_mid" in name)}


def some_of(family):
    """Every sixth, from where a family's turn is: what one leaves out another of its kind has."""
    return {name: KEPT[name] for name in list(KEPT)[[*FAMILIES, "organism"].index(family) % 6 :: 6]}


@pytest.mark.sampled(1)
def test_interventions_mean_the_same_in_a_folded_model(both):
    chosen = KEPT if both.family in MANY_INTERVENTIONS else some_of(both.family)
    clean = both.task.logit_diff(both.plain).values(N)
    found = both.measured(lambda model: {name: both.task.logit_diff(view) for name, view in views_of(model, chosen).items()})
    assert not [name for name, (plain, _) in found.items() if np.abs(plain - clean).max() < 1e-4]
    assert not differing(found, TOLERANCE)
    assert len(found) >= 10


SAME_METRICS = {
    "probability": cc.probability(),
    "log_prob": cc.log_prob(),
    "loss": cc.loss(),
    "accuracy": cc.accuracy(),
    "rank": cc.rank(),
    "kl": cc.kl_from_clean(),
    "attention": cc.attention("L1H3", query="END", key="IO"),
    "norm of z": cc.norm("L1H2", at="END"),
    "norm of q": cc.norm("L1H2.q", at="END"),
    "norm of k": cc.norm("L1H1.k", at="S2"),
    "norm of v": cc.norm("L1H1.v", at="S2"),
    "norm of neurons": cc.norm("L1.neurons", at="END"),
    "activation": cc.activation("L1.mlp[7]", at="END"),
}
OF_THE_STREAM = {
    "norm of resid_pre": cc.norm("L1.resid_pre", at="END"),
    "norm of resid_post": cc.norm("L1.resid_post", at="END"),
    "norm of attn_out": cc.norm("L1.attn", at="END"),
    "norm of mlp_out": cc.norm("L1.mlp", at="END"),
    "norm of result": cc.norm("L1H2.result", at="END"),
    "norm of embed": cc.norm("embed", at="S2"),
}


@pytest.mark.parametrize("ablated", [False, True], ids=["untouched", "ablated"])
@pytest.mark.sampled(2)
def test_metrics_of_what_is_said_attended_and_computed_are_the_same(both, ablated):
    def quantities(model):
        view = model.ablate("L0H1", kind="zero") if ablated else model
        return {name: both.task.metric(metric, view) for name, metric in SAME_METRICS.items()}

    assert not differing(both.measured(quantities), TOLERANCE)


@pytest.mark.sampled(3)
def test_with_layer_norm_the_stream_has_lost_its_mean_and_with_rms_norm_nothing(both):
    found = both.measured(lambda model: {name: both.task.metric(each, model) for name, each in OF_THE_STREAM.items()})
    if not both.has_layer_norm:
        assert not differing(found, TOLERANCE)
        return
    assert set(differing(found, 1e-3)) == set(found)
    for name, (plain, folded) in found.items():
        assert (folded < plain + 1e-5).all(), name


@pytest.mark.sampled(3)
def test_with_layer_norm_a_direction_projected_out_of_the_stream_is_another_one(both):
    plain, folded = both.values(lambda model: model.project_out(direction(model), at="END"))
    if both.has_layer_norm:
        assert np.abs(plain - folded).max() > 1e-3
    else:
        np.testing.assert_allclose(folded, plain, rtol=0, atol=TOLERANCE)


def test_a_folder_that_is_called_so_loads_as_it_is(folders, tmp_path):
    called = save("gpt2", tmp_path / "x+folded")
    model, folded = cc.load(str(called)), cc.load(f"{called}+folded")
    assert (model.fingerprint["processing"], folded.fingerprint["processing"]) == ("none", "folded")
    assert model.fingerprint["weights"] == cc.load(str(folders["gpt2"])).fingerprint["weights"]


def test_a_folded_model_is_found_again_by_its_spec(folders):
    first = cc.load(f"{folders['gpt2']}+folded")
    with cc.use_session(cc.Session()):
        assert cc.load(first.ref.spec).ref == first.ref


def test_a_path_is_a_path_also_where_its_text_is_a_folded_model_s_name(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    save("gpt2", tmp_path / "organism")
    model = cc.load(Path("organism+folded"))
    assert model.architecture.n_layers == 3
    assert model.fingerprint["processing"] == "folded"


def test_value_biases_stay_with_their_heads(folders):
    """Without all heads of all layers, outputs' biases alone are left. Values had biases: they are not among them."""
    network, folder, ioi = AutoModelForCausalLM.from_pretrained(folders["gpt2"]), str(folders["gpt2"]), cc.tasks.ioi()
    assert min(float(block.attn.c_attn.bias.detach()[64:].abs().max()) for block in network.transformer.h) > 0.1
    plain, folded = (
        ioi.logit_diff(cc.load(spec).ablate(cc.heads(), kind="zero")).values(N) for spec in (folder, f"{folder}+folded")
    )
    np.testing.assert_allclose(folded, plain, rtol=0, atol=TOLERANCE)
    assert np.abs(plain - ioi.logit_diff(cc.load(folder)).values(N)).max() > 0.1


# Models of the user's own, processed before they came.


def bridge_of(folder):
    from transformer_lens.model_bridge import TransformerBridge

    network = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    return TransformerBridge.boot_transformers(
        str(folder), hf_model=network, tokenizer=AutoTokenizer.from_pretrained(folder), device="cpu"
    )


def quietly(function, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **options)


PROCESSED = {"value biases folded": {}, "value biases kept": {"fold_value_biases": False}}


@pytest.fixture(scope="module", params=PROCESSED)
def bridge(request, folders):
    """(what was done to it, the model as a bridge of the user's, the folder's model), in one session."""
    made = bridge_of(folders["gpt2"])
    quietly(made.enable_compatibility_mode, disable_warnings=True, **PROCESSED[request.param])
    with cc.use_session(cc.Session(cc.Settings(batch=N))) as session:
        yield request.param, cc.load(made, bos="always"), cc.load(str(folders["gpt2"]), bos="always", device="cpu"), session


def compared(bridge, make, metric=None):
    _, mine, plain, session = bridge
    with cc.use_session(session):
        return [cc.tasks.ioi().metric(metric or cc.logit_diff(), make(model)).values(N) for model in (mine, plain)]


HEADS = ("L1H2", "L0H0-3, L2H1", cc.heads("L1H2") | cc.layers("L0.mlp"))


@pytest.mark.parametrize("units", HEADS, ids=str)
def test_zero_ablation_of_heads_without_their_value_biases_is_refused(bridge, units):
    what, mine, _, _ = bridge
    if what == "value biases folded":
        with pytest.raises(BadIntervention, match="(?s)zero ablation of L.*fold_value_biases=False"):
            mine.ablate(units, kind="zero")
        return
    found, expected = compared(bridge, lambda model: model.ablate(units, kind="zero"))
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def test_zero_ablation_of_a_circuit_of_such_heads_is_refused(bridge):
    what, mine, _, _ = bridge
    circuit = cc.circuit({"END": "L1H2"})
    if what == "value biases folded":
        for each in (circuit, ~circuit):
            with pytest.raises(BadIntervention, match="fold_value_biases"):
                mine.ablate(each, kind="zero")
    else:
        found, expected = compared(bridge, lambda model: model.ablate(~circuit, kind="zero"))
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.sampled(1)
def test_all_else_is_as_in_the_unprocessed_model(bridge):
    _, mine, plain, session = bridge
    of_heads = {name for name in KEPT if name.startswith("zero ablation of L0H1") or name == "all but a circuit"}
    allowed = {name: make for name, make in KEPT.items() if name not in of_heads}
    assert len(of_heads) == 3
    with cc.use_session(session):
        ioi = cc.tasks.ioi()
        both_ways = (
            {name: ioi.logit_diff(view) for name, view in views_of(each, allowed).items()} for each in (plain, mine)
        )
        found = measured_at_once(list(both_ways))
        clean = ioi.logit_diff(plain).values(N)
    assert not [name for name, (values, _) in found.items() if np.abs(values - clean).max() < 1e-4]
    assert not differing(found, TOLERANCE)


def test_a_head_s_output_without_its_value_bias_has_another_norm(bridge):
    what, *_ = bridge
    found, expected = compared(bridge, lambda model: model, cc.norm("L1H2", at="END"))
    assert (np.abs(found - expected).max() > 1e-3) == (what == "value biases folded")


def test_a_hooked_transformer_as_it_comes_has_no_value_biases_and_no_zero_ablation_of_heads():
    plain, folded, kept = (cc.load(each) for each in processed_hooked_transformers(ORGANISM))
    ioi = cc.tasks.ioi()

    def values(model, **options):
        return ioi.logit_diff(model.ablate("L1H2, L0H0", at="END", **options)).values(N)

    with pytest.raises(BadIntervention, match=r"(?s)zero ablation of L0H0, L1H2.*fold_value_biases=False"):
        folded.ablate("L1H2, L0H0", kind="zero")
    clean = ioi.logit_diff(plain).values(N)
    for model, options in ((folded, {"kind": "mean", "n": 64}), (kept, {"kind": "mean", "n": 64}), (kept, {"kind": "zero"})):
        found = values(model, **options)
        np.testing.assert_allclose(found, values(plain, **options), rtol=0, atol=TOLERANCE)
        assert np.abs(found - clean).max() > 1e-3


def test_zero_ablation_of_layers_and_neurons_needs_no_value_biases():
    plain, folded, _ = (cc.load(each) for each in processed_hooked_transformers(ORGANISM))
    ioi = cc.tasks.ioi()
    for units in ("L1.attn", "L0.mlp", "L1.mlp[3-40]"):
        found, expected = (ioi.logit_diff(model.ablate(units, kind="zero")).values(N) for model in (folded, plain))
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def test_a_model_that_has_no_value_biases_to_fold_is_not_refused(tmp_path):
    """A Llama's values have none: zero is a head without output, folded or not."""
    made = bridge_of(save("llama", tmp_path / "llama"))
    quietly(made.enable_compatibility_mode, disable_warnings=True)
    model = cc.load(made, bos="always")
    plain = cc.load(str(tmp_path / "llama"), bos="always", device="cpu")
    ioi = cc.tasks.ioi()
    found, expected = (ioi.logit_diff(each.ablate("L1H2", kind="zero")).values(N) for each in (model, plain))
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    assert np.abs(expected - ioi.logit_diff(plain).values(N)).max() > 1e-4


def test_a_model_whose_value_biases_happen_to_be_zero_is_not_refused(tiny_gpt2):
    """A fresh GPT-2, as any tool would load it: nothing was folded, and zero means what it says."""
    from transformer_lens.model_bridge import TransformerBridge

    network = AutoModelForCausalLM.from_pretrained(tiny_gpt2, attn_implementation="eager", dtype=torch.float32)
    made = TransformerBridge.boot_transformers(
        str(tiny_gpt2), hf_model=network, tokenizer=AutoTokenizer.from_pretrained(tiny_gpt2), device="cpu"
    )
    ioi = cc.tasks.ioi()
    for model in (cc.load(made), cc.load(str(tiny_gpt2)), cc.load(f"{tiny_gpt2}+folded")):
        assert np.isfinite(ioi.logit_diff(model.ablate("L1H2", kind="zero")).values(N)).all()


def test_a_folder_whose_value_biases_are_zero_was_not_folded(tmp_path):
    """Its outputs do have biases, as after folding; but it was read from disk as it is."""
    folder = save("gpt2", tmp_path / "gpt2")
    network = AutoModelForCausalLM.from_pretrained(folder)
    for block in network.transformer.h:
        block.attn.c_attn.bias.data[64:] = 0
    network.save_pretrained(folder)
    model, ioi = cc.load(str(folder)), cc.tasks.ioi()
    found, clean = (ioi.logit_diff(view).values(N) for view in (model.ablate("L1H2", kind="zero"), model))
    assert np.abs(found - clean).max() > 1e-3
