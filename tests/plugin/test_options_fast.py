"""--circuit-fast on|off: are passes shortened?"""

import pytest
from claims_folder import Folder

CLAIM = """
@claim(id="it", samples=32)
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
    assert cc.current_session().engine._fast == FAST
"""


@pytest.mark.parametrize("given, fast", [((), True), (("--circuit-fast=on",), True), (("--circuit-fast=off",), False)])
def test_passes_are_shortened_unless_it_says_off(folder: Folder, given: tuple[str, ...], fast: bool) -> None:
    run = folder.run(CLAIM.replace("FAST", str(fast)), *given)
    assert run.verdicts == {"it": "supported"}


def test_the_ini_file_says_it_too(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_fast = off\n")
    assert folder.run(CLAIM.replace("FAST", "False")).verdicts == {"it": "supported"}


def test_another_word_is_refused(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_fast = sometimes\n")
    folder.run(CLAIM).usage_error("ini option circuit_fast = 'sometimes': expected one of on, off")
