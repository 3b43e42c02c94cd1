"""Train a SegFormer: `python -m segformer_tutorial.train --help`."""

import sys
from collections.abc import Sequence

from .loop import train
from .settings import TrainError, parse
from .signals import Stopped


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says.

    Returns 0, 1 after an error, and after a signal what shells expect: 130
    for Ctrl-C and 143 for SIGTERM.
    """
    try:
        config, resume = parse(arguments)
        train(config, resume=resume)
    except (TrainError, ValueError, OSError, ModuleNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return stopped.code
    except KeyboardInterrupt:
        print("stopped at once, without a new checkpoint", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
