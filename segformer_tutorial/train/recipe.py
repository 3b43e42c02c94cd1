"""The official training recipe: loss, parameter groups, learning rate."""

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from ..data import VOID
from ..decoder import resize
from ..model import SegFormer

NORMS = (nn.LayerNorm, nn.BatchNorm2d, nn.SyncBatchNorm)


def segmentation_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy over the pixels that are not void; 0 if all are.

    The logits, `b k h' w'`, are resized to the labels, `b h w` in 0..k-1 or
    255. Source: the official code, which divides by the number of all pixels,
    void included; here it is the number of those that count.
    """
    logits = resize(logits, labels.shape[1:])
    total = F.cross_entropy(logits, labels, ignore_index=VOID, reduction="sum")
    return total / (labels != VOID).sum().clamp(min=1)


def parameter_groups(
    model: SegFormer,
    *,
    lr: float,
    weight_decay: float,
    head_lr_factor: float = 10.0,
) -> list[dict]:
    """The trainable parameters in four groups for an optimizer.

    Norm layers have no weight decay, and the learning rate of the decoder is
    `head_lr_factor` times that of the encoder. Frozen parameters are left
    out. Source: the official configs (where the decoder's BatchNorm does
    decay, because they find norms by name).
    """
    norms = {
        id(p)
        for module in model.modules()
        if isinstance(module, NORMS)
        for p in module.parameters()
    }
    groups = []
    for part, factor in ((model.encoder, 1.0), (model.decoder, head_lr_factor)):
        for is_norm, decay in ((False, weight_decay), (True, 0.0)):
            wanted = [
                p
                for p in part.parameters()
                if p.requires_grad and (id(p) in norms) == is_norm
            ]
            groups.append(
                {"params": wanted, "lr": lr * factor, "weight_decay": decay}
            )
    return groups


def learning_rate_factor(
    step: int, *, steps: int, warmup: int, power: float = 1.0
) -> float:
    """The factor of all learning rates at a step, counted from 0.

    Polynomial decay from 1 to 0 at `steps`, multiplied over the first
    `warmup` steps by a linear warm-up from 0 to 1.
    Source: the official configs, with `power` 1 and `warmup` 1500.
    """
    factor = (1 - step / steps) ** power
    return factor * min(1.0, (step + 1) / (warmup + 1))


def freeze(module: nn.Module) -> None:
    """Keep a module as it is: no gradients, and always in evaluation mode.

    `train()`, on it or on a module around it, no longer changes its mode.
    """
    module.requires_grad_(False).eval()
    # The method of this one object is replaced on purpose.
    module.train = partial(_keep_mode, module)  # type: ignore[method-assign]


def _keep_mode(module: nn.Module, mode: bool = True) -> nn.Module:
    """Stands in for `train` of a frozen module."""
    return module
