"""The progress bar of a run, and messages that do not break it."""

import sys
import warnings


class Progress:
    """A bar of steps. Messages and warnings appear above it, never in it.

    show: draw the bar. quiet: print nothing, as in all processes but one.
    """

    def __init__(self, *, step: int, steps: int, show: bool, quiet: bool):
        from tqdm import tqdm

        self.quiet = quiet
        self.bar = tqdm(
            initial=step, total=steps, unit="step", disable=quiet or not show
        )

    def __enter__(self) -> "Progress":
        self.showwarning = warnings.showwarning
        if not self.bar.disable:
            warnings.showwarning = self._warn
        return self

    def __exit__(self, *error) -> None:
        warnings.showwarning = self.showwarning
        self.bar.close()

    def step(self, loss: float) -> None:
        """Move on by a step."""
        self.bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
        self.bar.update()

    def say(self, text: str) -> None:
        """Print a line."""
        if not self.quiet:
            self.bar.write(text)

    def _warn(self, message, category, filename, lineno, file=None, line=None):
        text = warnings.formatwarning(message, category, filename, lineno, line)
        self.bar.write(text.rstrip(), file=file or sys.stderr)
