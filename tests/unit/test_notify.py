"""Talking to systemd: a real datagram socket as the manager, real listening sockets."""

import asyncio
import os
import socket
import sys

import pytest

from mta.engine.notify import Notifier, listen_fds


@pytest.fixture
def manager(tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.settimeout(10)
        yield path, listening


def _notifier(path, **more):
    return Notifier.from_environment({"NOTIFY_SOCKET": str(path), **more})


def test_states_go_to_the_manager_as_sd_notify_writes_them(manager):
    path, listening = manager
    notifier = _notifier(path)
    assert notifier.is_active
    notifier.ready("taking mail on\n127.0.0.1:587")
    notifier.reloading(12.5)
    notifier.status("3 connections")
    notifier.alive()
    notifier.stopping("bye")
    assert [listening.recv(1000) for _ in range(5)] == [
        b"READY=1\nSTATUS=taking mail on 127.0.0.1:587",
        b"RELOADING=1\nMONOTONIC_USEC=12500000",
        b"STATUS=3 connections",
        b"WATCHDOG=1",
        b"STOPPING=1\nSTATUS=bye",
    ]


def test_an_abstract_socket_is_written_with_an_at_sign():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(b"\0relevo-test-%d" % os.getpid())
        listening.settimeout(10)
        _notifier(f"@relevo-test-{os.getpid()}").ready()
        assert listening.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "relative/path", "/nowhere/at/all", "@nobody-listens"])
def test_a_manager_that_does_not_listen_is_no_error(address):
    _notifier(address).ready("anybody there?")


def test_a_full_socket_does_not_hold_up_the_sender(manager):
    path, _ = manager
    notifier = _notifier(path)
    for _ in range(2_000):
        notifier.alive()


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_watchdogs_time_is_ours_only_if_it_is_meant_for_us(environment, seconds):
    assert Notifier.from_environment(environment).watchdog_s == seconds


async def test_the_watchdog_hears_of_us_only_while_all_is_well(manager):
    path, listening = manager
    listening.setblocking(False)
    loop = asyncio.get_running_loop()
    is_healthy = False
    asked = asyncio.Event()

    def healthy():
        asked.set()
        return is_healthy

    notifier = _notifier(path, WATCHDOG_USEC="3000")
    task = loop.create_task(notifier.keep_alive(healthy))
    await asyncio.wait_for(asked.wait(), 10)
    with pytest.raises(BlockingIOError):
        listening.recv(100)
    is_healthy = True
    assert await asyncio.wait_for(loop.sock_recv(listening, 100), 10) == b"WATCHDOG=1"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_without_a_watchdog_nothing_is_kept_alive(manager):
    await asyncio.wait_for(_notifier(manager[0]).keep_alive(), 10)


def _environment(count, names="", pid=None):
    return {
        "LISTEN_PID": str(os.getpid() if pid is None else pid),
        "LISTEN_FDS": str(count),
        "LISTEN_FDNAMES": names,
    }


@pytest.fixture
def handed_over():
    """Two listening sockets and a datagram socket at neighbouring descriptors."""
    made = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    made.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    first = 200
    for number, one in enumerate(made):
        os.dup2(one.fileno(), first + number)
        one.close()
    yield first
    for number in range(len(made)):
        try:
            os.close(first + number)
        except OSError:
            continue


def test_listening_sockets_come_with_their_names(handed_over):
    found = listen_fds(_environment(3, "submission:submissions:other"), first_fd=handed_over)
    assert [one.name for one in found] == ["submission", "submissions"]
    for one in found:
        assert one.socket.getsockname()[0] == "127.0.0.1"
        assert not one.socket.get_inheritable()
        assert not one.socket.getblocking()
        one.socket.close()


def test_a_socket_without_a_name_is_called_as_systemd_calls_it(handed_over):
    (found, *more) = listen_fds(_environment(2), first_fd=handed_over)
    assert found.name == "unknown"
    for one in (found, *more):
        one.socket.close()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "2"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "two"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "9999"},
        {"LISTEN_PID": str(os.getpid())},
    ],
)
def test_sockets_that_are_not_meant_for_us_are_left_alone(handed_over, environment):
    assert listen_fds(environment, first_fd=handed_over) == []
    os.fstat(handed_over)


SERVED = """
import os, select
os.environ["LISTEN_PID"] = str(os.getpid())
from mta.engine.notify import listen_fds
(found,) = listen_fds(os.environ)
select.select([found.socket], [], [], 20)
connection, _ = found.socket.accept()
connection.sendall(found.name.encode())
connection.close()
"""


def test_a_client_that_connects_before_the_start_is_served_after_it():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname(), timeout=20)
        environment = {**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "submission"}
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-c", SERVED],
            environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, listening.fileno(), 3)],
        )
    with client:
        assert client.recv(100) == b"submission"
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
