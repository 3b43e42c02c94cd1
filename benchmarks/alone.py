"""Time one change at a time: a forward pass of B0 at 512 x 512 on a CPU.

    python benchmarks/alone.py            15 turns; --turns N for another number

Each variant runs in a process of its own, because huge pages are chosen when
a process starts, and the processes take turns. What counts is the ratio of two
times of the same turn, of which benchmarks/alone_cpu.csv has the median; with
many turns it also holds on a machine that is busy with other things.

All variants have the same random weights. `apart` is the relative distance of
their logits from those of the package as it is, `megabytes` the size of the
weights, or of the file, and `added` the MB that the first pass adds at its
peak, which torch.compile would need for other things.
"""

import argparse
import csv
import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import onnx
import torch
from torch import Tensor

from contenders import export, forward, in_onnxruntime
from measure import ratio, resident
from report import ROOT
from segformer_tutorial import SegFormer
from segformer_tutorial.export.int8 import quantize

SIZE = 512
FIRST = "as it is"
COMPILED = "torch.compile"
HUGE_PAGES = "huge pages"
VARIANTS = (
    FIRST,
    HUGE_PAGES,
    "channels last",
    "bfloat16",
    COMPILED,
    "published decoder",
    "onnxruntime",
    "onnxruntime, 8 bits",
)
COLUMNS = "variant milliseconds times apart megabytes added turns threads"


def model_and_images(**changes) -> tuple[SegFormer, Tensor]:
    """The same weights and image for every variant."""
    torch.manual_seed(0)
    model = SegFormer.from_preset("b0", **changes).eval()
    return model, torch.randn(1, 3, SIZE, SIZE)


def write_files(folder: Path) -> None:
    """The model in ONNX, and with its linear layers in 8 bits."""
    path = folder / "model.onnx"
    export(model_and_images()[0], SIZE, path)
    whole = onnx.load(path).SerializeToString()  # the weights inside
    (folder / "small.onnx").write_bytes(quantize(whole, {}))


def build(variant: str, folder: Path) -> tuple[Callable[[], Tensor], float]:
    """A forward pass of a variant, and the MB of its weights or its file."""
    published = variant == "published decoder"
    model, images = model_and_images(folded=not published)
    if variant.startswith("onnxruntime"):
        path, small = folder / "model.onnx", folder / "small.onnx"
        file = small if variant.endswith("8 bits") else path
        files = [file, file.with_name(f"{file.name}.data")]
        size = sum(x.stat().st_size for x in files if x.exists())
        return in_onnxruntime(file, images), size / 1e6
    if variant == "channels last":
        model = model.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    if variant == "bfloat16":
        model, images = model.bfloat16(), images.bfloat16()
    size = sum(p.nbytes for p in model.parameters()) / 1e6
    if variant == COMPILED:
        return forward(torch.compile(model, dynamic=False), images), size
    return forward(model, images), size


def work(variant: str, folder: Path) -> None:
    """One process: a first pass, then two for each line, the second timed."""
    run, size = build(variant, folder)
    status = Path("/proc/self/status")
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident(status, "VmRSS")
    torch.save(run().float(), folder / f"{variant}.pt")
    added = resident(status, "VmHWM") - before
    run()
    print(size, added, torch.get_num_threads(), flush=True)
    for _ in sys.stdin:
        run()  # the others were at work in between: caches, sleeping threads
        start = time.perf_counter()
        run()
        print(time.perf_counter() - start, flush=True)


def start(variant: str, folder: Path) -> subprocess.Popen:
    pages = "1" if variant == HUGE_PAGES else "0"
    return subprocess.Popen(
        [sys.executable, __file__, "--work", variant, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        env=os.environ | {"THP_MEM_ALLOC_ENABLE": pages},
    )


def take_turns(
    processes: dict[str, subprocess.Popen], turns: int
) -> dict[str, list[float]]:
    """Seconds of every variant in every turn."""
    seconds = {variant: [] for variant in processes}
    for _ in range(turns):
        for variant, process in processes.items():
            process.stdin.write("\n")
            seconds[variant].append(float(process.stdout.readline()))
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        variant, folder = options.work
        return work(variant, Path(folder))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        processes, about = {}, {}
        for variant in VARIANTS:
            processes[variant] = start(variant, folder)
            about[variant] = processes[variant].stdout.readline().split()
        seconds = take_turns(processes, options.turns)
        for process in processes.values():
            process.communicate()
        logits = {x: torch.load(folder / f"{x}.pt") for x in VARIANTS}
    with open(
        ROOT / "benchmarks" / "alone_cpu.csv", "w", newline="", encoding="utf-8"
    ) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS.split())
        for variant, times in seconds.items():
            size, added, threads = about[variant]
            apart = (logits[variant] - logits[FIRST]).norm()
            writer.writerow(
                [
                    variant,
                    f"{1e3 * statistics.median(times):.1f}",
                    f"{ratio(times, seconds[FIRST]):.3f}",
                    f"{apart / logits[FIRST].norm():.1e}",
                    f"{float(size):.2f}",
                    "" if variant == COMPILED else f"{float(added):.0f}",
                    options.turns,
                    threads,
                ]
            )
            note = f"{variant}: {ratio(times, seconds[FIRST]):.3f}"
            print(note, file=sys.stderr)


if __name__ == "__main__":
    main()
