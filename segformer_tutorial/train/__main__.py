"""Train a SegFormer: `python -m segformer_tutorial.train --help`."""

import sys
from collections.abc import Sequence

from ..predict.memory import use_huge_pages
from ..predict.terminal import run_script, say
from .command import parse
from .settings import TrainError
from .signals import Stopped


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says.

    Returns 0, 1 after an error, and after a signal what shells expect: 130
    for Ctrl-C and 143 for SIGTERM. A command line that cannot be read exits
    with 2.
    """
    try:
        config, resume = parse(arguments)
        use_huge_pages()
        try:
            from .loop import train
        except ModuleNotFoundError as error:
            raise TrainError(
                f'training needs the extra "train" ({error}): in a clone '
                'pip install -e ".[train]"'
            ) from error
        train(config, resume=resume)
    except (TrainError, ValueError, OSError, ModuleNotFoundError) as error:
        say("error", str(error))
        return 1
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return stopped.code
    except KeyboardInterrupt:
        print("stopped at once, without a new checkpoint", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    run_script(main)
