from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.runtime.cpus import Mount, memberships_in, mounts_in, quotas, share_in, usable_cpus, within


class Machine:
    """What Linux tells a process about its cgroups, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.about = folder / "proc"
        self.about.mkdir()
        self.cgroups = folder / "sys"
        self.mounts = ""
        self.memberships = ""

    def unified(self, own: str, root: str = "/", at: str = "unified") -> Machine:
        self.memberships += f"0::{own}\n"
        return self._mounted(root, at, "cgroup2 cgroup2 rw")

    def divided(self, own: str, root: str = "/") -> Machine:
        self.memberships += f"5:memory:/elsewhere\n4:cpu,cpuacct:{own}\n"
        self._mounted("/", "memory", "cgroup cgroup rw,memory")
        return self._mounted(root, "cpu", "cgroup cgroup rw,cpu,cpuacct")

    def write(self, path: str, text: str) -> Machine:
        file = self.cgroups / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return self

    def quotas(self) -> list[float]:
        (self.about / "cgroup").write_text(self.memberships)
        (self.about / "mountinfo").write_text(self.mounts)
        return list(quotas(self.about))

    def _mounted(self, root: str, at: str, kind: str) -> Machine:
        point = str(self.cgroups / at).replace(" ", "\\040")
        self.mounts += f"30 24 0:26 {root} {point} rw,nosuid shared:4 - {kind}\n"
        return self


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_there_is_always_room_for_one() -> None:
    assert usable_cpus() >= 1
    assert within(4, [0.01]) == 1


@pytest.mark.parametrize(("share", "expected"), [(1.0, 1), (2.0, 2), (2.01, 3), (8.0, 8), (8.01, 8)])
def test_a_begun_processor_counts_as_far_as_there_are_any(share: float, expected: int) -> None:
    assert within(8, [share]) == expected


def test_without_quotas_all_processors_that_we_may_run_on_count(machine: Machine) -> None:
    assert machine.unified("/user").write("unified/user/cpu.max", "max 100000\n").quotas() == []
    assert within(8, []) == 8


def test_a_system_without_cgroups_has_no_quotas(tmp_path: Path) -> None:
    assert list(quotas(tmp_path / "there is no such folder")) == []


def test_the_quotas_of_all_groups_above_hold_too(machine: Machine) -> None:
    machine.unified("/pod/worker")
    machine.write("unified/pod/worker/cpu.max", "400000 100000\n")
    machine.write("unified/pod/cpu.max", "150000 100000\n")
    machine.write("unified/cpu.max", "300000 50000\n")
    assert machine.quotas() == [4.0, 1.5, 6.0]


def test_of_other_groups_nothing_is_read(machine: Machine) -> None:
    machine.unified("/pod/worker").write("unified/pod/other/cpu.max", "100000 100000\n")
    assert machine.quotas() == []


def test_a_container_sees_its_own_group_as_the_top(machine: Machine) -> None:
    machine.divided("/docker/abc", root="/docker/abc")
    machine.write("cpu/cpu.cfs_quota_us", "50000\n").write("cpu/cpu.cfs_period_us", "100000\n")
    assert machine.quotas() == [0.5]


def test_divided_hierarchies_are_walked_up_too(machine: Machine) -> None:
    machine.divided("/jobs/one")
    machine.write("cpu/jobs/one/cpu.cfs_quota_us", "-1\n")
    machine.write("cpu/jobs/one/cpu.cfs_period_us", "100000\n")
    machine.write("cpu/jobs/cpu.cfs_quota_us", "250000\n")
    machine.write("cpu/jobs/cpu.cfs_period_us", "100000\n")
    assert machine.quotas() == [2.5]


def test_both_kinds_of_hierarchy_may_be_there(machine: Machine) -> None:
    machine.divided("/a").unified("/b")
    machine.write("cpu/a/cpu.cfs_quota_us", "300000\n").write("cpu/a/cpu.cfs_period_us", "100000\n")
    machine.write("unified/b/cpu.max", "200000 100000\n")
    assert sorted(machine.quotas()) == [2.0, 3.0]


def test_a_group_outside_of_our_namespace_is_not_looked_for(machine: Machine) -> None:
    machine.unified("/../../outside").write("unified/cpu.max", "200000 100000\n")
    machine.write("outside/cpu.max", "100000 100000\n")
    assert machine.quotas() == [2.0]


def test_a_mount_point_may_have_blanks_in_its_name(machine: Machine) -> None:
    machine.unified("/", at="my groups").write("my groups/cpu.max", "200000 100000\n")
    assert machine.quotas() == [2.0]


def test_colons_in_the_name_of_a_group_belong_to_it() -> None:
    assert memberships_in("0::/system.slice/a:b\n") == {2: "/system.slice/a:b"}


@pytest.mark.parametrize(("quota", "period"), [("0", "100000"), ("100000", "0"), ("1e5", "1"), ("x", "y")])
def test_a_quota_that_makes_no_sense_is_none(quota: str, period: str) -> None:
    assert share_in(quota, period) is None


@given(st.text())
def test_whatever_the_system_tells_is_taken(text: str) -> None:
    memberships_in(text)
    for mount in mounts_in(text):
        assert isinstance(mount, Mount)


@given(st.integers(1, 512), st.lists(st.floats(0.001, 1024)))
def test_there_are_never_more_than_any_limit_and_never_fewer_than_one(
    n_cpus: int, shares: list[float]
) -> None:
    found = within(n_cpus, shares)
    assert 1 <= found <= n_cpus
    assert all(found < share + 1 for share in shares)
