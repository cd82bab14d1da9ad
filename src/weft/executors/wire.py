"""What Weft and a spawn helper tell each other, and how it goes over the socket between them.

Knows messages. Who acts on them is to be found in `shell`, on Weft's side, and in `spawner`, on the
helper's, which must be quick to start: nothing here is slow to load.
"""

from __future__ import annotations

import marshal

TYPE_CHECKING = False  # `typing` is slow to load
if TYPE_CHECKING:
    from typing import Any

# What Weft asks.
SETUP = 0  # (SETUP, {name: value}, folder, {fd: path}): what commands inherit, the spool, open files; first
START = 1  # (START, key, stdout, stderr, earlier, argv, cwd, additions to the environment), see `base.Spawn`
SIGNAL = 2  # (SIGNAL, key, signal): to the command and its process group

# What the helper answers.
STARTED = 3  # (STARTED, key, pid): of a command that runs for a while; of others the end is told alone
NOT_STARTED = 4  # (NOT_STARTED, key, sentence)
EXITED = 5  # (EXITED, key, exit code), which is below zero when a signal ended it
STOPPED = 6  # (STOPPED, key, exit code): ended after it was sent a signal
NOT_KEPT = 7  # (NOT_KEPT, key, sentence): exited with 0, but what it wrote is not where it should be

Message = tuple[object, ...]  # read by its first element, as above

GRACE_S = 1.0  # what a helper leaves commands between TERM and KILL when Weft has gone
READ_BYTES = 1 << 14  # larger buffers are mapped and unmapped for every read


def frame(messages: list[Message]) -> bytes:
    """Messages as they go over the socket: a length in four bytes, then the list.

    Raises:
        ValueError: something in them is of a type that can't be sent, be it derived from one that can.
    """
    body = marshal.dumps(messages)
    return len(body).to_bytes(4, "big") + body


class Unframer:
    """Puts messages together again from the pieces that arrive.

    >>> unframer, sent = Unframer(), frame([(EXITED, 7, 0)])
    >>> unframer.feed(sent[:5]), unframer.feed(sent[5:])
    ([], [(5, 7, 0)])
    """

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Return the messages that ``data`` makes complete."""
        pending = self._pending
        if not pending and len(data) == 4 + int.from_bytes(data[:4], "big"):
            return marshal.loads(data[4:])  # type: ignore[no-any-return]  # by far the most frequent case
        pending += data
        messages: list[Any] = []
        while len(pending) >= 4 and len(pending) >= (end := 4 + int.from_bytes(pending[:4], "big")):
            messages += marshal.loads(pending[4:end])
            del pending[:end]
        return messages
