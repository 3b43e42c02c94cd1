"""Settings of pytest: how nbval compares the outputs of the notebooks."""

import os

import pinned
import tolerance

# Side by side, two processes with two threads each only get in each other's
# way. The kernels that nbval starts inherit this.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"


def pytest_itemcollected(item):
    """Give each notebook cell more time, and its numbers a tolerance."""
    if not hasattr(item, "sanitize"):  # only nbval's cells have it
        return
    sanitize = item.sanitize

    def tolerant(output):
        output = sanitize(output)
        return tolerance.Text(output) if isinstance(output, str) else output

    item.sanitize = tolerant
    item.output_timeout = 60  # seconds to wait for a message; nbval's 5 is few
    if "pinned-torch" in item.cell.metadata.get("tags", []):
        item.options["check"] = item.options["check"] and pinned.is_here()
