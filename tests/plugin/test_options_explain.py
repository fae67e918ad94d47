"""--circuit-explain"""

import re

from claims_folder import Folder

CLAIMS = """
@claim(id="late", samples=32)
def test_late(model, ioi):
    assert ioi.logit_diff(model) - ioi.logit_diff(model.ablate("L2H0", kind="zero", at="END")) < 100

@claim(id="early", samples=32)
def test_early(model, ioi):
    assert ioi.logit_diff(model.ablate("L0.attn", kind="zero")) < 100
"""


def test_it_says_of_each_claim_what_was_run_and_why(folder: Folder) -> None:
    run = folder.run(CLAIMS, "--circuit-explain")
    late, early = (run.claims[name]["work"] for name in ("late", "early"))
    assert (late["shortened"], late["why_whole"]) == (32, {})
    assert early["shortened"] == 0
    assert early["why_whole"] == {"it touches nearly all layers and tokens": 32}
    for work, claim in ((late, run.claims["late"]), (early, run.claims["early"])):
        assert work["whole"] + work["kept"] + work["shortened"] == claim["forward_passes"]
        assert claim["peak_memory"] > 10**8  # torch alone takes more
    share, held = late["done"] / late["needed"], run.claims["early"]["peak_memory"] / 1e9
    assert 0 < share < 1 == early["done"] / early["needed"]
    run.shows(
        f"late*: passes 32 shortened,* in * calls of the model; {share:.1%} of all tokens x layers were run *",
        f"early*: passes *100.0% of all tokens x layers were run (1.0 times less); at most {held:.2f} GB in use",
        "  32 passes whole: it touches nearly all layers and tokens",
    )


def test_off_it_says_nothing_and_the_ini_file_turns_it_on(folder: Folder) -> None:
    assert not re.search("passes .* in .* calls", folder.run(CLAIMS, "--circuit-fast=off", "--circuit-store=off").text)
    folder.pytester.makeini("[pytest]\ncircuit_explain = true\n")
    folder.run(CLAIMS, "--circuit-fast=off", "--circuit-store=off").shows("  32 passes whole: --circuit-fast is off")
