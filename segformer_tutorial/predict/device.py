"""One rule for the device on which a command runs."""

import torch


def choose_device(name: str | None = None) -> torch.device:
    """The named device; by default CUDA, then Apple's MPS, then the CPU.

    Raises ValueError for a name that PyTorch does not know and for a device
    that this machine does not have.
    """
    if not name:
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available():
            return torch.device("mps")
        return torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(
            f"device must be cpu, cuda, cuda:N or mps, got {name!r}"
        ) from error
    here = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not here.get(device.type, False):
        raise ValueError(f"device {name!r} is not available on this machine")
    return device
