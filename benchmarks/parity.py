"""Compare this package with transformers on the same weights, on a device.

    python benchmarks/parity.py --device cuda --dtype bfloat16

In float32 the logits have to agree up to rounding. In half precision both
implementations round, so each is compared with its own float32 logits, and
this package must not be farther from them than transformers, but for a tenth.
Exits with 1 where that does not hold.
"""

import argparse
import sys

import torch
from torch import Tensor

from contenders import HF, OURS, build, logits


def distance(found: Tensor, wanted: Tensor) -> float:
    """The norm of the difference in units of the norm of what is wanted."""
    return ((found - wanted).norm() / wanted.norm()).item()


@torch.inference_mode()
def compare(preset: str, device: str, dtype: torch.dtype) -> list[str]:
    """Print the distances of one preset; return what is wrong with them."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    models = build(preset, [OURS, HF])
    images = torch.randn(2, 3, 512, 384, device=device)
    exact, rounded = {}, {}
    for name, model in models.items():
        model.eval().to(device)
        exact[name] = logits(model(images)).double().cpu()
        output = logits(model.to(dtype)(images.to(dtype)))
        rounded[name] = distance(output.double().cpu(), exact[name])
    apart = distance(exact[OURS], exact[HF])
    print(
        f"{preset} on {device}: float32 logits {apart:.1e} apart; {dtype} "
        f"moves this package's by {rounded[OURS]:.1e}, transformers' by "
        f"{rounded[HF]:.1e}"
    )
    faults = []
    if not apart < 1e-4:
        faults.append(f"{preset}: float32 logits are {apart:.1e} apart")
    if not rounded[OURS] <= 1.1 * rounded[HF] + 1e-6:
        faults.append(f"{preset}: {dtype} loses more than in transformers")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu"
    )
    parser.add_argument(
        "--dtype",
        default="bfloat16",
        choices=["float32", "bfloat16", "float16"],
    )
    parser.add_argument("--presets", nargs="+", default=["b0", "b2", "b5"])
    options = parser.parse_args()
    dtype = getattr(torch, options.dtype)
    faults = [
        fault
        for preset in options.presets
        for fault in compare(preset, options.device, dtype)
    ]
    print(*faults, sep="\n", file=sys.stderr)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
