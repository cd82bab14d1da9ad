"""How many processors this process may use: those it may run on, and the share that its cgroups leave it.

Linux gives a container a share of time, not a number of processors: with a quota of 150 ms in each 100 ms two
processors are of use, and a third only brings pauses. Elsewhere there are no quotas, and none are found.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from math import ceil
from pathlib import Path, PurePosixPath

import msgspec

from weft.disk.mounts import plain

_ABOUT_THIS_PROCESS = Path("/proc/self")


def usable_cpus() -> int:
    """Return for how many processors' worth of work there is room, at least 1.

    >>> usable_cpus() >= 1
    True
    """
    has_affinity = hasattr(os, "sched_getaffinity")
    n_cpus = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return within(n_cpus, quotas(_ABOUT_THIS_PROCESS))


def within(n_cpus: int, shares: Iterable[float]) -> int:
    """Return how many of ``n_cpus`` are of use under quotas, each in processors; begun ones count.

    >>> within(8, [2.5, 4.0]), within(8, []), within(8, [0.1])
    (3, 8, 1)
    """
    return max(1, min([n_cpus, *map(ceil, shares)]))


def quotas(about: Path) -> Iterator[float]:
    """Read the quotas of all cgroups that a process is in, and of those that they are in; in processors.

    Args:
        about: the folder with the files ``cgroup`` and ``mountinfo`` of the process.
    """
    memberships, mounts = memberships_in(_text(about / "cgroup")), mounts_in(_text(about / "mountinfo"))
    for mount in mounts:
        own = memberships.get(mount.version)
        for folder in mount.folders(own) if own is not None else ():
            share = _quota_v2(folder) if mount.version == 2 else _quota_v1(folder)
            if share is not None:
                yield share


class Mount(msgspec.Struct, frozen=True):
    """Where one hierarchy of cgroups, or the part below ``root``, is to be seen."""

    version: int
    root: str
    point: str

    def folders(self, own: str) -> Iterator[Path]:
        """Walk from the folder of the cgroup ``own`` up to the topmost that can be seen."""
        path = PurePosixPath(own)
        below = path.relative_to(self.root) if path.is_relative_to(self.root) else PurePosixPath()
        if ".." in below.parts:  # outside of what our namespace shows
            below = PurePosixPath()
        for inner in (below, *below.parents):
            yield Path(self.point) / inner


def memberships_in(text: str) -> dict[int, str]:
    r"""Return the cgroup that shares out processors, by version of the hierarchy; from a ``cgroup`` file.

    >>> memberships_in("4:cpu,cpuacct:/docker/x\n1:name=systemd:/docker/x\n0::/user\n")
    {1: '/docker/x', 2: '/user'}
    """
    found = {}
    for line in text.splitlines():
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if "cpu" in controllers.split(","):
            found[1] = path
        elif (number, controllers) == ("0", "") and path:
            found[2] = path
    return found


def mounts_in(text: str) -> list[Mount]:
    r"""Return where cgroups that share out processors are mounted; from a ``mountinfo`` file.

    >>> mounts_in("30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw")
    [Mount(version=2, root='/', point='/sys/fs/cgroup')]
    """
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(kinds) < 3:
            continue
        root, point = map(plain, fields[3:5])
        if kinds[0] == "cgroup2":
            found.append(Mount(2, root, point))
        elif kinds[0] == "cgroup" and "cpu" in kinds[2].split(","):
            found.append(Mount(1, root, point))
    return found


def share_in(quota: str, period: str) -> float | None:
    """Return the processors that a quota stands for, None where there is no limit or no sense in it.

    >>> share_in("150000", "100000")
    1.5
    >>> share_in("max", "100000"), share_in("-1", "100000"), share_in("", "")
    (None, None, None)
    """
    if not (quota.isdecimal() and period.isdecimal()) or not (int(quota) and int(period)):
        return None
    return int(quota) / int(period)


def _quota_v2(folder: Path) -> float | None:
    quota, period = (*_text(folder / "cpu.max").split(), "", "")[:2]
    return share_in(quota, period)


def _quota_v1(folder: Path) -> float | None:
    return share_in(_text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:  # not there, or not for us to see: then there is no limit that we know of
        return ""
