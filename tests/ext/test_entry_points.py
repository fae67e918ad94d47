"""Extensions that packages name as entry points, from a folder with the metadata that an installed package has.

How it could be fooled: an extension that never ran, or ran twice; one that failed and nobody heard of it; one that cannot be
tried again once it is mended."""

import sys

import pytest

import circuitcheck as cc
from circuitcheck import extensions
from circuitcheck.errors import BadExtension


@pytest.fixture
def package(tmp_path, monkeypatch):
    """`package(entry points, module=source)`: an installed package of that name."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(extensions, "_loaded", set())

    def make(name, points, **modules):
        folder = tmp_path / f"{name}-1.2.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        lines = "".join(f"{each} = {value}\n" for each, value in points.items())
        (folder / "entry_points.txt").write_text(f"[circuitcheck]\n{lines}")
        for module, source in modules.items():
            (tmp_path / f"{module}.py").write_text(source)
            monkeypatch.delitem(sys.modules, module, raising=False)

    return make


COUNTS = "import builtins\nbuiltins.times = getattr(builtins, 'times', 0) + 1\n"


@pytest.fixture
def times(monkeypatch):
    import builtins

    monkeypatch.setattr(builtins, "times", 0, raising=False)
    return lambda: builtins.times


def test_a_module_is_imported_and_a_function_called_once_each(package, times, tiny_gpt2):
    adds = "def add():\n  import of_module, builtins\n  builtins.times += 10\n"
    package("one", {"module": "of_module", "function": "of_function:add"}, of_module=COUNTS, of_function=adds)
    package("other", {"again": "of_function:add"})  # two packages name the same
    cc.load(str(tiny_gpt2))
    extensions.load_extensions()
    with cc.use_session(cc.Session()):
        cc.load(str(tiny_gpt2))
    assert times() == 11


def test_it_may_ask_for_a_session_itself(package, tiny_gpt2, times):
    asks = f"import circuitcheck as cc\ndef add():\n  cc.load({str(tiny_gpt2)!r})\n  import builtins; builtins.times += 1\n"
    package("asking", {"it": "asking:add"}, asking=asks)
    cc.load(str(tiny_gpt2))
    assert times() == 1


@pytest.mark.parametrize(
    "value, source, words",
    [
        ("bad", "1 / 0", "ZeroDivisionError: division by zero"),
        ("bad:add", "def add(): raise OSError('no disk')", "OSError: no disk"),
        ("bad:gone", "", "AttributeError"),
        ("not_there", "", "ModuleNotFoundError: No module named 'not_there'"),
        ("bad:add", "def add(what): pass", "TypeError"),
    ],
)
def test_one_that_fails_stops_what_asks_for_it_and_is_named(package, tiny_gpt2, value, source, words):
    package("broken", {"mine": value}, bad=source)
    for _ in range(2):  # and is not passed over the next time
        with pytest.raises(BadExtension, match=rf"the extension 'mine' \({value}\) of the package broken 1\.2.*{words}"):
            cc.load(str(tiny_gpt2))


def test_a_task_of_an_extension_is_there_by_its_name(package):
    source = "import circuitcheck as cc\nfrom circuitcheck.ext import register_task\nregister_task('mine', cc.tasks.ioi)\n"
    package("tasks", {"mine": "with_task"}, with_task=source)
    assert cc.tasks.mine() is cc.tasks.mine()
    assert cc.tasks.mine().name == "ioi"
    with pytest.raises(AttributeError, match=r"no 'yours'; there are .*mine"):
        cc.tasks.yours  # noqa: B018


@pytest.mark.parametrize(
    "name, make", [("ioi", cc.tasks.ioi), ("_mine", cc.tasks.ioi), ("my task", cc.tasks.ioi), ("mine", 3)]
)
def test_a_task_that_cannot_be_registered_is_refused(name, make):
    with pytest.raises(BadExtension):
        cc.ext.register_task(name, make)


def test_a_task_replaces_no_other_and_is_one():
    cc.ext.register_task("mine", cc.tasks.ioi)
    with pytest.raises(BadExtension, match="there is a task called 'mine' already"):
        cc.ext.register_task("mine", cc.tasks.induction)
    cc.ext.register_task("none", lambda: "a task")
    with pytest.raises(BadExtension, match="the task 'none' is a str"):
        cc.tasks.none()


def test_an_engine_of_one_s_own_runs_what_is_measured(tiny_gpt2):
    from circuitcheck.engine.torch import LocalEngine

    class Counting(LocalEngine):
        runs = 0

        def run(self, plan, rows):
            Counting.runs += 1
            return super().run(plan, rows)

    def make(settings):
        return Counting(settings.device)

    cc.ext.register_engine("counting", make)
    cc.ext.register_engine("counting", make)
    with pytest.raises(BadExtension, match="an engine called 'counting' already"):
        cc.ext.register_engine("counting", Counting)
    with pytest.raises(BadExtension, match="an engine called 'local' already"):
        cc.ext.register_engine("local", make)
    with cc.use_session(cc.Session(cc.Settings(engine="counting"))):
        cc.tasks.ioi().logit_diff(cc.load(str(tiny_gpt2))).values(4)
    assert Counting.runs == 1
    with cc.use_session(cc.Session(cc.Settings(engine="counter"))), pytest.raises(BadExtension, match="no engine 'counter'"):
        cc.load(str(tiny_gpt2))
