"""Which heads matter? A look at every head, on the discovery stream, before anything is claimed.

    python scripts/scan_heads.py [--model smollm2-135m-q4] [--kind mean] [--at END] [--prompts 32]

Prints, strongest first, how much of the task each head's ablation leaves. A look, not a test: 270 heads and 32 prompts.
"""

import argparse

import circuitcheck as cc


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m-q4")
    parser.add_argument("--kind", default="mean")
    parser.add_argument("--at", default="END")
    parser.add_argument("--prompts", type=int, default=32)
    arguments = parser.parse_args()
    model, ioi = cc.load(arguments.model), cc.tasks.ioi().on_stream("discovery")
    left = {}
    for layer in range(model.architecture.n_layers):
        for head in range(model.architecture.n_heads):
            view = model.ablate(f"L{layer}H{head}", kind=arguments.kind, at=arguments.at)
            left[f"L{layer}H{head}"] = ioi.recovered(view).estimate(arguments.prompts)
    for name, estimate in sorted(left.items(), key=lambda pair: abs(pair[1].value - 1), reverse=True):
        print(f"{name:8} {estimate.value:6.3f}  [{estimate.low:.3f}, {estimate.high:.3f}]")


if __name__ == "__main__":
    main()
