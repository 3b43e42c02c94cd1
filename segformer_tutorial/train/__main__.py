"""Train a SegFormer: `python -m segformer_tutorial.train --help`."""

import sys
from collections.abc import Sequence

from .loop import train
from .settings import TrainError, parse


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says; return 0, or 1 after an error."""
    try:
        config, resume = parse(arguments)
        train(config, resume=resume)
    except (TrainError, ValueError, OSError, ModuleNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; --resume goes on from the last checkpoint")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
