"""A session belongs to all threads of a block, and models run in one thread at a time."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

import circuitcheck as cc
from circuitcheck.session import current_session


def test_a_thread_has_the_session_of_the_block_that_started_it():
    session = cc.Session(cc.Settings(seed=7))
    with cc.use_session(session), ThreadPoolExecutor(1) as pool:
        assert pool.submit(current_session).result() is session
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(current_session).result() is current_session()


def test_a_session_of_a_thread_is_its_own():
    def inside():
        with cc.use_session(cc.Session(cc.Settings(seed=8))) as session:
            return current_session() is session

    before = current_session()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(inside).result()
    assert current_session() is before


def test_threads_do_not_meet_each_other_s_interventions(tiny_gpt2):
    ioi, model = cc.tasks.ioi(), cc.load(str(tiny_gpt2))
    views = [model.ablate(f"L{layer}H{head}", kind="zero") for layer in range(3) for head in range(4)]
    with cc.use_session(cc.Session()):
        again = cc.load(str(tiny_gpt2))
        alone = [ioi.logit_diff(again.ablate(f"L{i // 4}H{i % 4}", kind="zero")).values(8) for i in range(12)]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda view: ioi.logit_diff(view).values(8), views))
    np.testing.assert_array_equal(together, alone)
