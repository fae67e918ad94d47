"""Metrics of one's own, by a readout and by a name.

How it could be fooled: one number that passes for a number of each prompt; an edit of logits that other metrics read;
numbers that change from run to run; a name that means another metric than before."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from own_things import Margin, margin

import circuitcheck as cc
from circuitcheck.errors import BadExtension, BadMetric, NotComparable
from circuitcheck.ext import MetricBase, Rank, register_metric, register_readout
from circuitcheck.prompts import PromptStream


def test_it_is_measured_and_kept_like_ours(model, ioi):
    found = ioi.metric(Margin(), model).values(8)
    assert (found >= 0).all()
    np.testing.assert_allclose(ioi.metric(Margin(times=2.0), model).values(8), 2 * found)
    assert Margin().digest == Margin().digest != Margin(times=2.0).digest


def _spoil(metric, seen):
    seen.logits.zero_()
    return seen.logits[:, 0]


@pytest.mark.parametrize(
    "readout, error, words",
    [
        (lambda metric, seen: seen.logits.max(), NotComparable, r"gave shape \(\) for 4 prompts"),
        (lambda metric, seen: seen.logits[:1, 0], NotComparable, r"gave shape \(1,\) for 4 prompts"),
        (lambda metric, seen: None, BadMetric, "gave nothing; expected one number for each prompt"),
        (lambda metric, seen: torch.rand(len(seen.prompts)), BadMetric, "for the same logits of the same prompt"),
        (lambda metric, seen: -torch.ones(len(seen.prompts)), BadMetric, "declares its support"),
    ],
)
def test_a_readout_that_is_wrong_is_refused(model, ioi, readout, error, words):
    kind = _one_more(readout)
    with pytest.raises(error, match=words):
        ioi.metric(kind(), model).values(8)


def _one_more(readout):
    @dataclass(frozen=True)
    class Bad(Margin):
        pass

    Bad.__qualname__ += str(id(Bad))
    register_readout(Bad)(readout)
    return Bad


def test_a_readout_that_edits_its_logits_spoils_no_other(model, ioi):
    honest, spoiling = (ioi.metric(each, model).cells[0] for each in (cc.logit_diff(), _one_more(_spoil)()))
    measured = (
        cc.current_session().measure(PromptStream(ioi.definition, "discovery", 0), [spoiling, honest], range(8)).values[1]
    )
    assert measured.any()


def test_a_metric_without_a_readout_is_refused(model, ioi):
    @dataclass(frozen=True)
    class Nobody(MetricBase):
        name = "nobody"
        tokens = "all"
        support = "real"

    with pytest.raises(BadMetric, match=r"Nobody has no readout here: .*register_readout\(Nobody\)"):
        ioi.metric(Nobody(), model).values(8)


def test_a_name_means_a_metric(model, ioi):
    register_metric("margin", Margin())
    register_metric("margin", Margin())  # the same again
    np.testing.assert_array_equal(ioi.metric("margin", model).values(8), ioi.metric(Margin(), model).values(8))
    np.testing.assert_array_equal(ioi.metric("rank", model).values(8), ioi.metric(cc.rank(), model).values(8))
    register_metric("first", lambda logits, prompts: logits[:, 0])
    assert "first" in repr(ioi.metric("first", model))


def test_a_name_is_never_taken_from_another(ioi, model):
    register_metric("margin", Margin())
    for name, other in (("margin", Margin(times=2.0)), ("loss", Margin())):
        with pytest.raises(BadExtension, match=f"there is a metric called '{name}' already"):
            register_metric(name, other)
    for given in ("loss", 3, Margin):
        with pytest.raises(BadExtension, match="cannot be registered"):
            register_metric("mine", given)
    with pytest.raises(BadMetric, match=r"no metric called 'margni'.*Did you mean 'margin'"):
        ioi.metric("margni", model)


def test_a_readout_replaces_no_other():
    with pytest.raises(BadExtension, match="Rank has a readout of circuitcheck's"):
        register_readout(Rank)(margin)
    with pytest.raises(BadExtension, match="Margin has a readout already"):
        register_readout(Margin)(lambda metric, seen: seen.logits[:, 0])
