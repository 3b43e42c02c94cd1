"""Draw what a model looks at: `python -m segformer_tutorial.see --help`."""

from collections.abc import Sequence

from ..predict.terminal import run_script, status_of
from .command import parse


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw as the command line says.

    Returns 0, 1 after an error, 130 after Ctrl-C.
    """
    options = parse(arguments)

    def work() -> None:
        from .run import run

        run(options)

    return status_of(work, extra="train")


if __name__ == "__main__":
    run_script(main)
