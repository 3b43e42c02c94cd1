"""From a picture to the drawings: what the command does."""

import argparse
import os
from pathlib import Path

from PIL import Image

from ..data import DataError, read_image
from ..predict.device import choose_device
from ..predict.label_files import save_png
from ..predict.options import size_of_pictures
from ..weights.model import load_with_report
from .attention import attention_maps
from .features import feature_colors
from .fields import receptive_fields
from .inputs import check_point
from .sheets import attention_sheet, feature_sheet, field_sheet, tile


def run(options: argparse.Namespace) -> None:
    """Draw everything, then write it. Raises ValueError and OSError."""
    device = choose_device(options.device)
    model, report = load_with_report(options.weights)
    out = Path(options.out)
    stages = range(1, len(model.encoder.stages) + 1)
    names = [*(f"attention_{i}" for i in stages), "field", "features"]
    paths = [out / f"{name}.png" for name in names]
    check_results(paths, Path(options.picture), overwrite=options.overwrite)
    image = read_image(options.picture, channels=model.config.in_channels)
    size = image.shape[1:]
    at = options.at or (size[0] // 2, size[1] // 2)
    at = check_point(at, size)
    print(report)
    print(
        f"{options.picture}: row {at[0]}, column {at[1]}, "
        + size_of_pictures(model, options.short_side)
    )
    model.to(device)
    small = tile(image)
    part = [(x + 0.5) / side for x, side in zip(at, size, strict=True)]
    side = options.short_side
    maps = attention_maps(model, image, at=at, short_side=side)
    drawn = [attention_sheet(one, small, part) for one in maps]
    fields = receptive_fields(model, [image], at=at, short_side=side)
    drawn.append(field_sheet(fields, small.shape[1:]))
    features = feature_colors(model, image, short_side=side)
    drawn.append(feature_sheet(features, small.shape[1:]))
    out.mkdir(parents=True, exist_ok=True)
    for path, sheet in zip(paths, drawn, strict=True):
        save_png(Image.fromarray(sheet), path)
    print(f"{len(paths)} drawings: {out}")


def check_results(paths: list[Path], picture: Path, *, overwrite: bool) -> None:
    """Raise DataError before a file is replaced that should not be."""
    for path in filter(os.path.lexists, paths):
        if os.path.realpath(path) == os.path.realpath(picture):
            raise DataError(
                f"{path}: is the picture itself, and a drawing would replace "
                "it; choose another --out"
            )
        if not overwrite:
            raise DataError(f"{path}: exists already; --overwrite replaces it")
