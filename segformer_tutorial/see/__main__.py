"""Draw what a model looks at: `python -m segformer_tutorial.see --help`."""

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import cast

from ..predict.memory import use_huge_pages
from .command import parse


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw as the command line says.

    Returns 0, 1 after an error, 130 after Ctrl-C.
    """
    options = parse(arguments)
    use_huge_pages()
    try:
        from .run import run

        run(options)
    except ImportError as error:
        print(f'error: {error} (the extra "train" has it)', file=sys.stderr)
        return 1
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):  # names that it cannot show
        cast(TextIOWrapper, stream).reconfigure(errors="backslashreplace")
    sys.exit(main())
