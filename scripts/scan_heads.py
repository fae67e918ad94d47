"""Which heads matter? A look at every head, on the discovery stream, before anything is claimed.

    python scripts/scan_heads.py [--model organism] [--task ioi] [--half] [--against NAME] [--kind mean] [--at END]
                                 [--prompts 32]

Prints, strongest first, how much of the task each head's ablation leaves. A look, not a test: many heads and few prompts.
"""

import argparse

import circuitcheck as cc
from circuitcheck.prompts.builtin import BUILT_IN

_TASKS = {name: cc.Task(make()) for name, make in BUILT_IN.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="organism")
    parser.add_argument("--task", default="ioi", choices=_TASKS)
    parser.add_argument("--half", action="store_true", help="choose on the first half of `split_templates` only")
    parser.add_argument("--against", help="the counterfactual that counts as 0; default: the task's first")
    parser.add_argument("--kind", default="mean")
    parser.add_argument("--at", default="END")
    parser.add_argument("--prompts", type=int, default=32)
    arguments = parser.parse_args()
    model, task = cc.load(arguments.model), _TASKS[arguments.task].on_stream("discovery")
    if arguments.half:
        task, _ = task.split_templates()
    against = arguments.against or task.counterfactuals[0]
    left = {}
    for layer in range(model.architecture.n_layers):
        for head in range(model.architecture.n_heads):
            view = model.ablate(f"L{layer}H{head}", kind=arguments.kind, at=arguments.at)
            left[f"L{layer}H{head}"] = task.recovered(view, against=against).estimate(arguments.prompts)
    for name, estimate in sorted(left.items(), key=lambda pair: abs(pair[1].value - 1), reverse=True):
        print(f"{name:8} {estimate.value:6.3f}  [{estimate.low:.3f}, {estimate.high:.3f}]")


if __name__ == "__main__":
    main()
