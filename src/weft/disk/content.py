"""What files hold, as digests: equal for equal content, and for nothing else."""

from __future__ import annotations

import hashlib
import os

DIGEST_BYTES = 32


def new_hash() -> hashlib.blake2b:
    """Return the hash that all digests here are made by."""
    return hashlib.blake2b(digest_size=DIGEST_BYTES)


def digest_of(path: str | os.PathLike[str]) -> str:
    """Return the digest of the content of the file ``path``.

    Raises:
        OSError: it can't be read.
    """
    # Not blocking: it may have become a pipe since it was looked at.
    return digest_of_open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))


def digest_of_open(fd: int) -> str:
    """Return the digest of what the open file ``fd`` holds from here on, and close it."""
    with open(fd, "rb") as file:
        return hashlib.file_digest(file, new_hash).hexdigest()


def digest_of_bytes(content: bytes) -> str:
    """Return the digest that a file with this ``content`` has."""
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).hexdigest()
