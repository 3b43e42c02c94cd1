"""Time this package beside its peers: same weights, same inputs, one run.

    python benchmarks/bench.py            every case
    python benchmarks/bench.py --quick    B0 at 512 and its training step

The contenders take turns, so that a slow minute of the machine is a slow
minute for all of them, and what counts is the ratio of two times of the same
turn. Before anything is timed, the logits of all are compared. Each case runs
in a process of its own, so that none inherits the memory of the one before;
peak memory is taken in one process per contender.

The floor is what the arithmetic alone would take: the multiply-adds of a
forward over the machine's own rate in a large matrix product, measured in the
same turns. PyTorch has two ways to such a product, torch.matmul and a 1 x 1
convolution, and the rates differ, so there are two floors.

The table goes to benchmarks/results_<device>.md and, with --readme, into the
README between its two marks.
"""

import argparse
import copy
import ctypes
import gc
import json
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
import transformers
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from report import ROOT, put_in_readme, table
from segformer_tutorial import PRESETS, SegFormer
from segformer_tutorial.linear import PointwiseLinear
from segformer_tutorial.weights import load_weights

OURS = "this package"
PLAIN = "this package with nn.Linear"
HF = "transformers"
COMPILED = "transformers, compiled"
SMP = "smp"
CASES = [(name, size) for size in (512, 1024) for name in ("b0", "b2", "b5")]


def build(preset: str, names: list[str]) -> dict[str, nn.Module]:
    """The named contenders, all with the same random weights."""
    config = PRESETS[preset]
    torch.manual_seed(0)
    theirs = transformers.SegformerForSemanticSegmentation(
        transformers.SegformerConfig(
            hidden_sizes=list(config.dims),
            depths=list(config.depths),
            num_attention_heads=list(config.num_heads),
            decoder_hidden_size=config.decoder_dim,
            num_labels=config.num_classes,
        )
    )
    ours = SegFormer.from_preset(preset)
    load_weights(ours, theirs.state_dict())
    models = {OURS: ours, HF: theirs}
    if PLAIN in names:
        models[PLAIN] = copy.deepcopy(ours)
        for module in models[PLAIN].modules():
            if isinstance(module, PointwiseLinear):
                module.__class__ = nn.Linear
    if COMPILED in names:
        models[COMPILED] = torch.compile(theirs, dynamic=False)
    if SMP in names:
        models[SMP] = smp.Segformer(
            f"mit_{preset}",
            encoder_weights=None,
            classes=config.num_classes,
            decoder_segmentation_channels=config.decoder_dim,
        )
        # Its last layer resizes the logits by 4; the others leave that out.
        models[SMP].segmentation_head[1] = nn.Identity()
        models[SMP].load_state_dict(smp_layout(ours.state_dict()))
    return {name: models[name] for name in names}


def smp_layout(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename our tensors to segmentation_models_pytorch's."""
    pairs = [
        ("attn.reduce", "attn.sr"),
        ("ffn.dwconv", "mlp.dwconv.dwconv"),
        ("ffn.fc", "mlp.fc"),
        ("decoder.fuse", "decoder.fuse_stage.0"),
        ("decoder.norm", "decoder.fuse_stage.1"),
        ("decoder.classify", "segmentation_head.0"),
    ]
    for i in range(4):
        stage = f"encoder.stages.{i}"
        pairs += [
            (f"{stage}.patch_embedding", f"encoder.patch_embed{i + 1}"),
            (f"{stage}.blocks", f"encoder.block{i + 1}"),
            (f"{stage}.norm", f"encoder.norm{i + 1}"),
            (f"decoder.unify.{i}", f"decoder.mlp_stage.{3 - i}.linear"),
        ]
    renamed = {}
    for key, value in state.items():
        for ours, theirs in pairs:
            key = key.replace(ours, theirs)
        renamed[key] = value
    return renamed


def logits(output) -> Tensor:
    return getattr(output, "logits", output)


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def forward(model: nn.Module, images: Tensor) -> Callable[[], Tensor]:
    def run() -> Tensor:
        with torch.inference_mode():
            return logits(model(images))

    return run


def training_step(
    model: nn.Module, images: Tensor, dtype: torch.dtype
) -> Callable[[], None]:
    """Forward, cross-entropy at a quarter of the size, backward, AdamW."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-5)
    b, _, h, w = images.shape
    device = images.device.type
    labels = torch.randint(0, 150, (b, h // 4, w // 4), device=device)

    def run() -> None:
        optimizer.zero_grad()
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            scores = logits(model(images))
        F.cross_entropy(scores.float(), labels).backward()
        optimizer.step()

    return run


def take_turns(
    contenders: dict[str, Callable], device: str, turns: int, budget: float
) -> dict[str, list[float]]:
    """Seconds of every contender in every turn, after one turn unseen."""
    for run in contenders.values():
        run()
    seconds = {name: [] for name in contenders}
    end = time.perf_counter() + budget
    for turn in range(turns):
        if turn >= 3 and time.perf_counter() > end:
            break
        for name, run in contenders.items():
            synchronize(device)
            start = time.perf_counter()
            run()
            synchronize(device)
            seconds[name].append(time.perf_counter() - start)
    return seconds


def large_products(
    device: str, dtype: torch.dtype
) -> tuple[dict[str, Callable], int]:
    """One large product by two ways, and its multiply-adds."""
    side = 8192 if device == "cuda" else 2048
    a = torch.randn(side, side, device=device, dtype=dtype)
    x = a.T.reshape(1, side, side // 32, 32)
    x = x.contiguous(memory_format=torch.channels_last)
    kernel = a[:, :, None, None]

    def convolution() -> Tensor:
        with torch.inference_mode():
            return F.conv2d(x, kernel)

    return {"matmul": lambda: a @ a, "convolution": convolution}, side**3


def macs(preset: str, size: int) -> float:
    """Multiply-adds of our forward of one image, counted."""
    with torch.device("meta"):
        model = SegFormer.from_preset(preset).eval()
        images = torch.empty(1, 3, size, size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(images)
    return counter.get_total_flops() / 2


def elsewhere(options: argparse.Namespace, *job: object) -> object:
    """Do a job of this script in a new process; what it measured."""
    command = [sys.executable, __file__, "--job", *map(str, job)]
    for name in ("device", "dtype", "turns", "budget"):
        command += [f"--{name}", str(getattr(options, name))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def measure_memory(
    preset: str, size: int, name: str, device: str, dtype: torch.dtype
) -> float:
    model = build(preset, [name])[name].eval().to(device, dtype)
    gc.collect()
    images = torch.randn(1, 3, size, size, device=device, dtype=dtype)
    small = torch.randn(1, 3, 64, 64, device=device, dtype=dtype)
    forward(model, small)()  # libraries set themselves up
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        forward(model, images)()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")  # only Linux lets a process reset its peak
    # What building left behind is free but still counted: give it back, or
    # the forward would use it again unseen.
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident(status, "VmRSS")
    forward(model, images)()
    return resident(status, "VmHWM") - before


def resident(status: Path, field: str) -> float:
    match = re.search(rf"{field}:\s+(\d+) kB", status.read_text())
    return int(match[1]) * 1024 / 1e6


def run_case(
    preset: str, size: int, device: str, dtype: torch.dtype, options
) -> tuple[list[str], list[float]]:
    """One row of the forward table, and the rates of the large products."""
    names = [OURS, HF, COMPILED, SMP, PLAIN]
    models = {
        name: model.eval().to(device, dtype)
        for name, model in build(preset, names).items()
    }
    images = torch.randn(1, 3, size, size, device=device, dtype=dtype)
    runs = {name: forward(model, images) for name, model in models.items()}
    reference = runs[HF]().float()
    apart = max(
        ((run().float() - reference).norm() / reference.norm()).item()
        for run in runs.values()
    )
    if apart > (1e-4 if dtype == torch.float32 else 5e-2):
        raise SystemExit(f"{preset} at {size}: logits are {apart:.1e} apart")
    products, product_macs = large_products(device, dtype)
    seconds = take_turns(runs | products, device, options.turns, options.budget)
    rates = [product_macs / statistics.median(seconds[k]) for k in products]
    floors = [macs(preset, size) / rate for rate in rates]
    ours = seconds[OURS]
    cells = [f"{preset.upper()}, {size} x {size}"]
    cells.append(f"{1e3 * statistics.median(ours):.1f} ms")
    cells += [f"{ratio(seconds[name], ours):.2f}x" for name in names[1:]]
    cells += [f"{statistics.median(ours) / floor:.2f}" for floor in floors]
    used = {
        name: elsewhere(options, "memory", preset, size, name)
        for name in (OURS, HF)
    }
    cells.append(f"{used[OURS]:.0f} MB")
    cells.append(f"{used[OURS] / used[HF]:.2f}x")
    note(
        f"{cells[0]}: logits within {apart:.1e}; turns {len(ours)}; "
        + "; ".join(
            f"{name} {1e3 * statistics.median(times):.1f} ms"
            for name, times in seconds.items()
        )
    )
    return cells, rates


def run_training(device: str, dtype: torch.dtype, options) -> list[str]:
    images = torch.randn(2, 3, 512, 512, device=device)
    models = build("b0", [OURS, HF, SMP])
    seconds = take_turns(
        {
            name: training_step(model.to(device), images, dtype)
            for name, model in models.items()
        },
        device,
        options.turns,
        options.budget,
    )
    ours = seconds[OURS]
    return [
        "B0, 512 x 512, batch 2",
        f"{1e3 * statistics.median(ours):.0f} ms",
        f"{ratio(seconds[HF], ours):.2f}x",
        f"{ratio(seconds[SMP], ours):.2f}x",
    ]


def ratio(theirs: list[float], ours: list[float]) -> float:
    """How many times longer theirs took, the median over the turns."""
    return statistics.median(t / o for t, o in zip(theirs, ours, strict=True))


def machine(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        match = re.search(r"model name\s*:\s*(.+)", info.read_text())
        cpu = match[1] if match else cpu
    return f"{cpu}, {torch.get_num_threads()} threads"


def note(line: str) -> None:
    """Progress: standard output is for results."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two cases")
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu"
    )
    parser.add_argument(
        "--dtype", choices=["float32", "bfloat16"], help="by default "
        "float32 on a CPU, bfloat16 on a GPU",
    )  # fmt: skip
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument(
        "--budget",
        type=float,
        default=60,
        help="seconds after which a case stops taking turns (three at least)",
    )
    parser.add_argument(
        "--readme", action="store_true", help="write the table there too"
    )
    parser.add_argument("--job", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    device = options.device
    options.dtype = options.dtype or (
        "bfloat16" if device == "cuda" else "float32"
    )
    dtype = getattr(torch, options.dtype)
    match options.job:
        case ["training"]:
            print(json.dumps(run_training(device, dtype, options)))
            return
        case ["forward", preset, size]:
            row = run_case(preset, int(size), device, dtype, options)
            print(json.dumps(row))
            return
        case ["memory", preset, size, name]:
            used = measure_memory(preset, int(size), name, device, dtype)
            print(json.dumps(used))
            return

    start = time.perf_counter()
    note(f"{machine(device)}; torch {torch.__version__}; {options.dtype}")
    rows, rates = [], []
    for preset, size in CASES[:1] if options.quick else CASES:
        cells, case_rates = elsewhere(options, "forward", preset, size)
        rows.append(cells)
        rates.append(case_rates)
    training = elsewhere(options, "training")
    note("training step: " + ", ".join(training))
    matmul, convolution = map(statistics.median, zip(*rates, strict=True))
    text = "\n\n".join(
        [
            f"{machine(device)}, {options.dtype}; torch "
            f"{torch.__version__.split('+')[0]}, transformers "
            f"{transformers.__version__}, segmentation_models_pytorch (smp) "
            f"{smp.__version__}. Large products run at {matmul / 1e9:.0f} G "
            "multiply-adds a second in torch.matmul and at "
            f"{convolution / 1e9:.0f} G as a 1 x 1 convolution.",
            table(
                [
                    "forward, one image",
                    "this package",
                    "transformers",
                    "transformers, compiled",
                    "smp",
                    "this package with nn.Linear",
                    "time / matmul floor",
                    "time / convolution floor",
                    "memory added",
                    "part of transformers'",
                ],
                rows,
            ),
            table(
                [
                    "training step",
                    "this package",
                    "transformers",
                    "smp",
                ],
                [training],
            ),
        ]
    )
    print(f"\n{text}\n\n{(time.perf_counter() - start) / 60:.0f} minutes")
    if not options.quick:
        (ROOT / f"benchmarks/results_{device}.md").write_text(text + "\n")
        if options.readme:
            put_in_readme(f"bench {device}", text)


if __name__ == "__main__":
    main()
