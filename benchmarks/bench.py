"""Time this package beside its peers: same weights, same inputs, one run.

    python benchmarks/bench.py            every case
    python benchmarks/bench.py --quick    B0 at 512 and its training step

The contenders take turns, so that a slow minute of the machine is a slow
minute for all of them, and what counts is the ratio of two times of the same
turn. Before anything is timed, the logits of all are compared. Each case runs
in a process of its own, so that none inherits the memory of the one before;
peak memory is taken in one process per contender.

On Linux every case runs twice: as PyTorch is installed, and with
THP_MEM_ALLOC_ENABLE=1, which lets its CPU allocator take huge pages. Most of
the page faults of a forward pass are then gone, for every network in PyTorch
alike. onnxruntime and OpenVINO have allocators of their own.

The floor is what the arithmetic alone would take: the multiply-adds of a
forward pass over the machine's own rate in a large matrix product, measured
in the same turns. PyTorch has two ways to such a product, torch.matmul and a
1 x 1 convolution, and the rates differ, so there are two floors.

The tables go to benchmarks/results_<device>.md and, with --readme, a short
one into the README between its two marks.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from contenders import (
    COMPILED,
    EAGER,
    EXPORTED,
    HF,
    OURS,
    RUNTIMES,
    SMP,
    build,
    export,
    forward,
)
from measure import (
    large_products,
    measure_memory,
    product_side,
    ratio,
    take_turns,
    training_step,
)
from report import ROOT, put_in_readme, table, write_rows
from segformer_tutorial import SegFormer
from segformer_tutorial.evaluate.cost import count_macs

CASES = {
    f"{name}@{size}": (name, size)
    for size in (512, 1024)
    for name in ("b0", "b2", "b5")
}
HUGE_PAGES = "THP_MEM_ALLOC_ENABLE"
SETTINGS = {"as installed": "0", "with huge pages": "1"}
TRAINED = (OURS, HF, SMP)
COLUMNS = ("setting", "case", "contender", "milliseconds", "times_ours")
PACKAGES = {
    "torch": "torch",
    "transformers": "transformers",
    "segmentation_models_pytorch (smp)": "segmentation-models-pytorch",
    "onnxruntime": "onnxruntime",
    "OpenVINO": "openvino",
}


def elsewhere(options: argparse.Namespace, *job: object, setting: str):
    """Do a job of this script in a new process; return what it measured."""
    command = [sys.executable, __file__, "--job", *map(str, job)]
    for name in ("device", "dtype", "turns", "budget"):
        command += [f"--{name}", str(getattr(options, name))]
    environment = os.environ | {HUGE_PAGES: SETTINGS[setting]}
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, env=environment
    )
    return json.loads(done.stdout.splitlines()[-1])


def time_forward(
    preset: str, size: int, folder: Path, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Seconds of every contender and of the large products, turn by turn."""
    device, dtype = options.device, getattr(torch, options.dtype)
    models = build(preset, list(EAGER))
    images = torch.randn(1, 3, size, size, device=device, dtype=dtype)
    runs = {
        name: forward(model.eval().to(device, dtype), images)
        for name, model in models.items()
    }
    for name, (runtime, whose) in EXPORTED.items():
        path = folder / f"{whose}.onnx"
        if path.exists() and importlib.util.find_spec(runtime):
            runs[name] = RUNTIMES[runtime](path, images)
    reference = runs[HF]().float()
    allowed = 1e-4 if dtype == torch.float32 else 5e-2
    for name, run in runs.items():
        apart = (run().float() - reference).norm() / reference.norm()
        if not apart <= allowed:
            raise SystemExit(
                f"{preset} at {size}: the logits of {name} are {apart:.1e} "
                f"from those of {HF}"
            )
    products = large_products(device, dtype)
    return take_turns(runs | products, device, options.turns, options.budget)


def time_training(options: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of a training step of B0 on two images, turn by turn."""
    device, dtype = options.device, getattr(torch, options.dtype)
    images = torch.randn(2, 3, 512, 512, device=device)
    runs = {
        name: training_step(model.to(device), images, dtype)
        for name, model in build("b0", list(TRAINED)).items()
    }
    return take_turns(runs, device, options.turns, options.budget)


def write_exports(preset: str, size: int, folder: Path) -> None:
    """Export the networks that the runtimes are given."""
    whose = {name for _, name in EXPORTED.values()}
    for name, model in build(preset, sorted(whose)).items():
        export(model, size, folder / f"{name}.onnx")


def macs(preset: str, size: int) -> int:
    """Multiply-adds of this package's forward pass of one image."""
    with torch.device("meta"):
        model = SegFormer.from_preset(preset).eval()
        images = torch.empty(1, 3, size, size)
    return count_macs(model, images).total()


def do(options: argparse.Namespace):
    """A job in this process; what it measured, for JSON."""
    match options.job:
        case ["training"]:
            return time_training(options)
        case ["forward", preset, size, folder]:
            return time_forward(preset, int(size), Path(folder), options)
        case ["export", preset, size, folder]:
            return write_exports(preset, int(size), Path(folder))
        case ["memory", preset, size, name]:
            dtype = getattr(torch, options.dtype)
            return measure_memory(
                preset, int(size), name, options.device, dtype
            )
    raise SystemExit(f"no such job: {options.job}")


def machine(device: str) -> str:
    """The processor or GPU, and how many threads PyTorch uses."""
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


def milliseconds(seconds: list[float]) -> float:
    return 1e3 * statistics.median(seconds)


def as_rows(setting: str, case: str, seconds: dict) -> list[dict]:
    """What goes into the CSV file for one case."""
    return [
        {
            "setting": setting,
            "case": case,
            "contender": name,
            "milliseconds": f"{milliseconds(times):.1f}",
            "times_ours": f"{ratio(times, seconds[OURS]):.3f}",
        }
        for name, times in seconds.items()
        if name not in ("matmul", "convolution")
    ]


def forward_table(
    cases: dict[str, dict], work: dict[str, int], device: str
) -> str:
    """One setting: our milliseconds, how many times longer the others take."""
    names = [*EAGER[1:], *EXPORTED]
    present = [name for name in names if any(name in s for s in cases.values())]
    rows = []
    for case, seconds in cases.items():
        ours = seconds[OURS]
        cells = [case, f"{milliseconds(ours):.1f} ms"]
        cells += [
            f"{ratio(seconds[name], ours):.2f}x" if name in seconds else ""
            for name in present
        ]
        for product in ("matmul", "convolution"):
            rate = product_side(device) ** 3 / statistics.median(
                seconds[product]
            )
            floor = work[case] / rate
            cells.append(f"{statistics.median(ours) / floor:.2f}")
        rows.append(cells)
    head = ["forward pass, one image", OURS, *present]
    head += ["time / matmul floor", "time / convolution floor"]
    return table(head, rows)


def training_table(settings: dict[str, dict]) -> str:
    """A training step in each setting."""
    rows = [
        [
            f"B0, 512 x 512, batch 2, {setting}",
            f"{milliseconds(seconds[OURS]):.0f} ms",
            *(f"{ratio(seconds[x], seconds[OURS]):.2f}x" for x in TRAINED[1:]),
        ]
        for setting, seconds in settings.items()
    ]
    return table(["training step", *TRAINED], rows)


def readme_table(forwards: dict[str, dict]) -> str:
    """The contenders that a reader asks for, in three columns a setting."""
    chosen = (HF, COMPILED, "transformers in onnxruntime")
    head = ["forward pass, one image", OURS, *chosen]
    rows = []
    for setting, cases in forwards.items():
        for case, seconds in cases.items():
            ours = seconds[OURS]
            others = [
                f"{ratio(seconds[x], ours):.1f}x" if x in seconds else ""
                for x in chosen
            ]
            label = f"{case}, {setting}"
            rows.append([label, f"{milliseconds(ours):.0f} ms", *others])
    return table(head, rows)


def versions() -> str:
    found = []
    for name, package in PACKAGES.items():
        try:
            version = importlib.metadata.version(package).split("+")[0]
        except importlib.metadata.PackageNotFoundError:
            continue
        found.append(f"{name} {version}")
    return ", ".join(found)


def main() -> None:
    """Run every case in both settings, print the tables and store them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="B0 at 512 and a training step"
    )
    parser.add_argument(
        "--cases",
        nargs="+",
        choices=CASES,
        default=list(CASES),
        help="forward passes to time (default: all)",
    )
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu"
    )
    parser.add_argument(
        "--dtype",
        choices=["float32", "bfloat16"],
        help="by default float32 on a CPU, bfloat16 on a GPU",
    )
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument(
        "--budget",
        type=float,
        default=60,
        help="seconds after which a case stops taking turns (three at least)",
    )
    parser.add_argument(
        "--readme", action="store_true", help="write a short table there too"
    )
    parser.add_argument("--job", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.dtype = options.dtype or (
        "bfloat16" if options.device == "cuda" else "float32"
    )
    if options.job:
        print(json.dumps(do(options)))
        return

    start = time.perf_counter()
    on_cpu = options.device == "cpu"
    both = on_cpu and sys.platform == "linux"
    settings = list(SETTINGS)[: 2 if both else 1]
    note(f"{machine(options.device)}; {versions()}; {options.dtype}")
    forwards: dict[str, dict] = {setting: {} for setting in settings}
    memory, work, rows = [], {}, []
    for name in options.cases[:1] if options.quick else options.cases:
        preset, size = CASES[name]
        case = f"{preset.upper()}, {size} x {size}"
        work[case] = macs(preset, size)
        with tempfile.TemporaryDirectory() as folder:
            if on_cpu and options.dtype == "float32":
                elsewhere(
                    options, "export", preset, size, folder,
                    setting=settings[0],
                )  # fmt: skip
            for setting in settings:
                seconds = elsewhere(
                    options, "forward", preset, size, folder, setting=setting
                )
                forwards[setting][case] = seconds
                rows += as_rows(setting, case, seconds)
                note(
                    f"{case}, {setting}: turns {len(seconds[OURS])}; "
                    + "; ".join(
                        f"{name} {milliseconds(times):.1f} ms"
                        for name, times in seconds.items()
                    )
                )
        used = {
            name: elsewhere(
                options, "memory", preset, size, name, setting=settings[0]
            )
            for name in (OURS, HF)
        }
        part = used[OURS] / used[HF]
        memory.append([case, *(f"{used[x]:.0f} MB" for x in used)])
        memory[-1].append(f"{part:.2f}x")
    trainings = {
        setting: elsewhere(options, "training", setting=setting)
        for setting in settings
    }
    for setting, seconds in trainings.items():
        rows += as_rows(setting, "training step", seconds)
    products = [
        [s[product] for cases in forwards.values() for s in cases.values()]
        for product in ("matmul", "convolution")
    ]
    matmul, convolution = (
        product_side(options.device) ** 3
        / statistics.median(map(statistics.median, times))
        / 1e9
        for times in products
    )
    text = "\n\n".join(
        [
            f"{machine(options.device)}, {options.dtype}; {versions()}. Large "
            f"products run at {matmul:.0f} G multiply-adds a second in "
            f"torch.matmul and at {convolution:.0f} G as a 1 x 1 convolution.",
            *(
                f"PyTorch {setting}:\n\n"
                + forward_table(cases, work, options.device)
                for setting, cases in forwards.items()
            ),
            table(
                ["memory that a forward pass adds", OURS, HF, "ratio"], memory
            ),
            training_table(trainings),
        ]
    )
    print(f"\n{text}\n\n{(time.perf_counter() - start) / 60:.0f} minutes")
    if not options.quick:
        path = ROOT / "benchmarks" / f"results_{options.device}.md"
        path.write_text(text + "\n", encoding="utf-8")
        write_rows(path.with_suffix(".csv"), COLUMNS, settings, rows)
        if options.readme:
            put_in_readme(f"bench {options.device}", readme_table(forwards))


if __name__ == "__main__":
    main()
