"""Train a SegFormer: `python -m segformer_tutorial.train --help`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from .checkpoints import last_checkpoint
from .command import parse
from .settings import TrainError


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says.

    Returns 0, 1 after an error, 130 after Ctrl-C; a command line that cannot
    be read exits with 2.
    """
    try:
        config, resume = parse(arguments)
        try:
            from .loop import train
        except ModuleNotFoundError as error:
            raise TrainError(
                f'training needs the extra "train" ({error}): in a clone '
                'pip install -e ".[train]"'
            ) from error
        train(config, resume=resume)
    except (TrainError, ValueError, OSError, ModuleNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        stopped = last_checkpoint(Path(config.output))
        print(f"stopped. {stopped}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
