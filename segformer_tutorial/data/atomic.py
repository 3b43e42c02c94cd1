"""Write a file whole or not at all."""

import os
import uuid
from pathlib import Path


def write_whole(
    path: str | os.PathLike, content: str | bytes | memoryview
) -> None:
    """Write a file so that it is complete at every moment or not there.

    The content goes to a temporary file in the same folder, which is flushed
    to the disk and then renamed. An existing file is replaced only once the
    new one is complete, and a symbolic link is followed. Text is written as
    UTF-8 with its line ends as they are. Raises OSError and leaves nothing
    behind.
    """
    target = Path(path).resolve()
    temporary = target.with_name(f".{uuid.uuid4().hex}.tmp")
    data = content.encode() if isinstance(content, str) else content
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
