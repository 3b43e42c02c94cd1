"""One rule for the device on which a command runs."""

import torch


def choose_device(name: str | None = None) -> torch.device:
    """The named device; by default CUDA, then Apple's MPS, then the CPU.

    name: cpu, cuda, cuda:N or mps. Raises ValueError for another one, and for
    a device that this machine does not have.
    """
    there = {
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
        "cpu": 1,
    }
    if not name:
        return torch.device(next(kind for kind in there if there[kind]))
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in there:
        raise ValueError(
            f"device must be cpu, cuda, cuda:N or mps, got {name!r}"
        )
    if (device.index or 0) >= there[device.type]:
        raise ValueError(f"device {name!r} is not available on this machine")
    return device
