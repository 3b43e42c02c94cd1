"""What is exported: the network with its normalisation, for uint8 pictures."""

import copy
import json
from dataclasses import asdict

import torch
from torch import Tensor, nn

from .. import __version__
from ..data import task_of
from ..encoder import smallest_side
from ..model import SegFormer, labels_from_logits
from ..predict.network import normalization

PRECISIONS = {"float32": torch.float32, "float16": torch.float16}


class Exported(nn.Module):
    """Normalise pictures, run the network, and label the pixels if asked to.

    b c h w, uint8 -> b k ceil(h / 4) ceil(w / 4), float32, or with `labels`
    b h w, int64. The input is uint8 so that a runtime refuses any other: of
    floats nobody could tell which scale they have. `precision` is that of the
    weights; normalisation and output stay float32.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: SegFormer,
        *,
        labels: bool = False,
        precision: str = "float32",
    ):
        super().__init__()
        mean, std = normalization(model)
        self.config = model.config
        self.labels = labels
        self.dtype = PRECISIONS[precision]
        self.network = copy.deepcopy(model).cpu().to(self.dtype)
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        logits = self.logits(images)
        if self.labels:
            return labels_from_logits(logits, images.shape[2:])
        return logits

    def logits(self, images: Tensor) -> Tensor:
        x = (images.float() - self.mean) / self.std
        return self.network(x.to(self.dtype)).float()

    @torch.no_grad()
    def trace(self) -> torch.export.ExportedProgram:
        """Its graph for any batch and size, from twice the smallest side on.

        At smaller sizes the deepest feature map has one row or one column,
        and the tracer takes a side of one for a constant.
        """
        side = smallest_side(self.config)
        channels = self.config.in_channels
        images = torch.zeros(2, channels, 3 * side, 4 * side, dtype=torch.uint8)
        sizes = {
            0: torch.export.Dim("batch", min=1),
            2: torch.export.Dim("height", min=2 * side),
            3: torch.export.Dim("width", min=2 * side),
        }
        return torch.export.export(self, (images,), dynamic_shapes=(sizes,))


def describe(
    model: SegFormer, *, labels: bool, precision: str
) -> dict[str, str]:
    """What a file says about itself, as texts by name; most are JSON.

    Class names and palette are there if the model has a task.
    """
    mean, std = normalization(model)
    task = task_of(model)
    preprocessing = {
        "input": "images",
        "layout": "b c h w",
        "dtype": "uint8",
        "range": [0, 255],
        "colours": "RGB" if len(mean) == 3 else None,
        "mean": list(mean),
        "std": list(std),
        "normalised_by": "the graph",
        "short_side": task and task.short_side,
        "multiple_of": 32,
        "resize": "bilinear, antialiased",
        "smallest_side": 2 * smallest_side(model.config),
    }
    output = (
        "labels: b h w, int64"
        if labels
        else "logits: b k ceil(h / 4) ceil(w / 4), float32"
    )
    texts = {
        "package": f"segformer-tutorial {__version__}",
        "config": json.dumps(asdict(model.config)),
        "preprocessing": json.dumps(preprocessing),
        "output": output,
        "precision": precision,
    }
    if task:
        texts["classes"] = json.dumps(task.classes, ensure_ascii=False)
        if task.palette:
            texts["palette"] = json.dumps(task.palette)
    return texts
