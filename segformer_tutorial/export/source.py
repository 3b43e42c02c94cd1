"""The model behind a name: a file, the folder of a run, or a hub's weights."""

from pathlib import Path

from ..model import SegFormer
from ..weights import (
    WeightsError,
    config_from_weights,
    load_model,
    load_weights,
)
from ..weights.files import read_metadata, some
from ..weights.own import is_own

BEST = "best.safetensors"  # what training leaves in its folder


def open_model(source: str) -> SegFormer:
    """Load a whole model, in evaluation mode, with its task if it has one.

    source: a file of weights, this package's or another's, the folder of a
    run, of which the best weights are taken, or a hub's `owner/name`. Raises
    WeightsError, also for an encoder without its decoder.
    """
    path = Path(source)
    if path.is_dir():
        path /= BEST
        if not path.is_file():
            raise WeightsError(
                f"{source}: is a folder without {BEST}, which training writes"
            )
        source = str(path)
    if path.suffix == ".safetensors" and is_own(read_metadata(path)):
        return load_model(path)
    model = SegFormer(config_from_weights(source))
    report = load_weights(model, source)
    new = [x for x in report.kept if not x.endswith("num_batches_tracked")]
    if new:
        raise WeightsError(
            f"{source}: only a whole model can be exported, and these weights "
            f"lack {some(new)}"
        )
    print(report)
    return model.eval()
