from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from weft.errors import UsageError
from weft.workspaces.ports import PortLease


def can_be_bound(port: int) -> bool:
    with socket.socket() as bound:
        try:
            bound.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_each_name_has_a_port_that_can_be_bound(tmp_path: Path) -> None:
    with PortLease(["http", "admin-api"], tmp_path) as lease:
        assert list(lease.ports) == ["http", "admin-api"]
        assert len(set(lease.ports.values())) == 2
        assert all(map(can_be_bound, lease.ports.values()))
        assert lease.variables == {
            "WEFT_PORT_HTTP": str(lease.ports["http"]),
            "WEFT_PORT_ADMIN_API": str(lease.ports["admin-api"]),
        }


def test_no_names_are_no_ports(tmp_path: Path) -> None:
    with PortLease([], tmp_path) as lease:
        assert lease.ports == {}


def test_leases_of_one_process_have_different_ports(tmp_path: Path) -> None:
    leases = [PortLease(["a", "b"], tmp_path) for _ in range(40)]
    assert len({port for lease in leases for port in lease.ports.values()}) == 80
    for lease in leases:
        lease.close()
        lease.close()


def test_leases_of_several_processes_have_different_ports(tmp_path: Path) -> None:
    """They choose from few ports, so that they would meet; each holds its own until all have told theirs."""
    holds = (
        "import sys; from pathlib import Path; from weft.workspaces.ports import PortLease\n"
        "lease = PortLease('abcde', Path(sys.argv[1]), range(20_000, 20_030))\n"
        "print(*lease.ports.values(), flush=True); sys.stdin.read()"
    )
    run = [sys.executable, "-c", holds, str(tmp_path)]
    processes = [
        subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    found = []
    for process in processes:
        assert process.stdout is not None
        found += process.stdout.readline().split()
    for process in processes:
        process.communicate()
    assert len(found) == len(set(found)) == 20


def test_a_port_that_somebody_listens_to_is_not_given(tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("", 0))
        bound.listen()
        port = bound.getsockname()[1]
        with pytest.raises(UsageError, match="no TCP port is free"):
            PortLease(["http"], tmp_path, [port])


def test_a_port_is_free_again_when_its_lease_has_ended(tmp_path: Path) -> None:
    with PortLease(["http"], tmp_path) as lease:
        port = lease.ports["http"]
        with pytest.raises(UsageError, match="no TCP port is free"):
            PortLease(["http"], tmp_path, [port])
    with PortLease(["again"], tmp_path, [port]) as lease:
        assert lease.ports == {"again": port}


def test_two_names_of_one_variable_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="WEFT_PORT_A_B"):
        PortLease(["a-b", "a.b"], tmp_path)


def test_a_folder_that_somebody_else_has_put_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="no directory of this user's"):
        PortLease(["http"], tmp_path / "link")
    assert os.listdir(tmp_path) == ["link"]
