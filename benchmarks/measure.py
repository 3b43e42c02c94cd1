"""Times, rates of large products and peak memory, measured in this process."""

import ctypes
import gc
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contenders import build, forward, logits


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


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
            output = logits(model(images))
        F.cross_entropy(output.float(), labels).backward()
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


def large_products(device: str, dtype: torch.dtype) -> dict[str, Callable]:
    """One large product by two ways, `product_macs` multiply-adds each."""
    side = product_side(device)
    a = torch.randn(side, side, device=device, dtype=dtype)
    x = a.T.reshape(1, side, side // 32, 32)
    x = x.contiguous(memory_format=torch.channels_last)
    kernel = a[:, :, None, None]

    def convolution() -> Tensor:
        with torch.inference_mode():
            return F.conv2d(x, kernel)

    return {"matmul": lambda: a @ a, "convolution": convolution}


def product_side(device: str) -> int:
    """Rows and columns of the matrices of `large_products`."""
    return 8192 if device == "cuda" else 2048


def measure_memory(
    preset: str, size: int, name: str, device: str, dtype: torch.dtype
) -> float:
    """MB that one forward pass adds at its peak."""
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


def ratio(theirs: list[float], ours: list[float]) -> float:
    """How many times longer theirs took, the median over the turns."""
    return statistics.median(t / o for t, o in zip(theirs, ours, strict=True))
