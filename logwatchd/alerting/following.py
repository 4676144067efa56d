"""The lines after an anomaly, read from its file when the analysis begins: by then some have been written."""

from __future__ import annotations

import os

from logwatchd.records import Alert

_READ_BYTES = 65_536


def lines_after(alert: Alert, most: int) -> tuple[str, ...]:
    """At most so many whole lines behind the alert's event; none where its file has gone or is no plain text.

    They are as they stand in the file: nothing is redacted.
    """
    if most <= 0 or alert.end is None:
        return ()
    try:
        handle = os.open(alert.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return ()
    try:
        status = os.fstat(handle)
        if (status.st_dev, status.st_ino) != (alert.file.device, alert.file.inode):
            return ()
        data = os.pread(handle, _READ_BYTES, alert.end)
    except OSError:
        return ()
    finally:
        os.close(handle)
    whole = data[: data.rfind(b"\n") + 1].decode("utf-8", "backslashreplace")
    if "\0" in whole:
        return ()
    return tuple(whole.split("\n")[:-1][:most])
