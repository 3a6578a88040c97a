"""The control socket: commands over a real Unix socket."""

import asyncio
import json
import os
import socket
import stat
from pathlib import Path

import pytest
import uvloop

from mta.engine.control import REQUEST_BYTES, ControlClient, ControlServer, NoServer
from mta.model.errors import (
    AddressSyntaxError,
    ConfigurationError,
    InternalError,
    PeerError,
    PermanentError,
    StoreError,
    TransientError,
)


async def _echo(arguments: dict[str, object]) -> object:
    return arguments


async def _rows(arguments: dict[str, object]) -> object:
    return [{"id": str(n)} for n in range(int(str(arguments["count"])))]


async def _refuse(arguments: dict[str, object]) -> object:
    errors = {
        "transient": StoreError("the disk is full"),
        "permanent": AddressSyntaxError("'x' has no domain"),
        "configuration": ConfigurationError("no such key"),
        "bug": ZeroDivisionError("secret detail"),
    }
    raise errors[str(arguments["kind"])]


HANDLERS = {"echo": _echo, "rows": _rows, "refuse": _refuse}


@pytest.fixture
async def server(tmp_path):
    server = ControlServer(tmp_path / "relevo.sock", HANDLERS)
    await server.start()
    yield server
    await server.close()


@pytest.fixture
def client(server, tmp_path):
    return ControlClient(tmp_path / "relevo.sock", deadline_s=20)


async def _raw(path: Path, request: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_command_gets_its_arguments_and_its_result_comes_back(client):
    arguments = {"site": "google", "ids": ["1", "2"], "text": "ñ\ud800\n"}
    assert await client.call("echo", arguments) == arguments


async def test_a_list_comes_as_rows_and_an_empty_one_stays_a_list(client):
    assert await client.call("rows", {"count": 3}) == [{"id": "0"}, {"id": "1"}, {"id": "2"}]
    assert await client.call("rows", {"count": 0}) == []


async def test_errors_of_a_handler_arrive_by_their_class(client):
    with pytest.raises(TransientError, match="the disk is full"):
        await client.call("refuse", {"kind": "transient"})
    with pytest.raises(PermanentError, match="has no domain"):
        await client.call("refuse", {"kind": "permanent"})
    with pytest.raises(ConfigurationError, match="no such key"):
        await client.call("refuse", {"kind": "configuration"})


async def test_a_bug_in_a_handler_is_told_without_details_and_the_server_lives_on(client):
    with pytest.raises(InternalError) as caught:
        await client.call("refuse", {"kind": "bug"})
    assert "secret detail" not in str(caught.value)
    assert await client.call("echo", {}) == {}


async def test_an_unknown_command_is_refused_by_name(client):
    with pytest.raises(PermanentError, match="'no_such'"):
        await client.call("no_such", {})


@pytest.mark.parametrize(
    "request_line",
    [
        b"nonsense\n",
        b"[]\n",
        b'{"command": 1, "arguments": {}}\n',
        b'{"command": "echo"}\n',
        b"\xff\n",
    ],
)
async def test_a_malformed_request_gets_an_error(server, tmp_path, request_line):
    answer = json.loads(await _raw(tmp_path / "relevo.sock", request_line))
    assert answer["error"]["kind"] == "permanent"


async def test_a_request_above_the_limit_is_refused(client):
    with pytest.raises(PermanentError, match=str(REQUEST_BYTES)):
        await client.call("echo", {"x": "y" * (REQUEST_BYTES + 10)})


async def test_a_client_that_sends_nothing_is_cut_off(tmp_path):
    server = ControlServer(tmp_path / "c.sock", HANDLERS, request_deadline_s=0.01)
    await server.start()
    answer = json.loads(await _raw(tmp_path / "c.sock", b""))
    assert "deadline" in answer["error"]["message"]
    await server.close()


async def test_a_command_that_takes_too_long_is_abandoned(tmp_path):
    cancelled = asyncio.Event()

    async def hang(_: dict[str, object]) -> object:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    server = ControlServer(tmp_path / "c.sock", {"hang": hang}, handler_deadline_s=0.01)
    await server.start()
    with pytest.raises(TransientError, match="too long"):
        await ControlClient(tmp_path / "c.sock").call("hang", {})
    assert cancelled.is_set()
    await server.close()


async def test_the_socket_is_private_whatever_the_umask(tmp_path):
    for mask in (0o000, 0o022, 0o277):
        before = os.umask(mask)
        try:
            server = ControlServer(tmp_path / "c.sock", HANDLERS)
            await server.start()
        finally:
            os.umask(before)
        mode = (tmp_path / "c.sock").stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
        await server.close()


async def test_a_socket_left_by_a_dead_process_is_replaced(tmp_path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "c.sock"))
    with pytest.raises(NoServer):
        await ControlClient(tmp_path / "c.sock").call("echo", {})
    server = ControlServer(tmp_path / "c.sock", HANDLERS)
    await server.start()
    assert await ControlClient(tmp_path / "c.sock").call("echo", {}) == {}
    await server.close()


async def test_a_socket_of_a_living_process_is_left_alone(server, client, tmp_path):
    second = ControlServer(tmp_path / "relevo.sock", {})
    with pytest.raises(ConfigurationError, match="another process"):
        await second.start()
    assert await client.call("echo", {}) == {}


async def test_a_file_in_the_way_is_never_removed(tmp_path):
    (tmp_path / "c.sock").write_text("mine")
    with pytest.raises(ConfigurationError, match="in the way"):
        await ControlServer(tmp_path / "c.sock", {}).start()
    assert (tmp_path / "c.sock").read_text() == "mine"


async def test_after_close_nobody_answers_and_the_file_is_gone(server, client, tmp_path):
    await server.close()
    assert not (tmp_path / "relevo.sock").exists()
    with pytest.raises(NoServer):
        await client.call("echo", {})


async def test_close_waits_for_a_running_command(tmp_path):
    entered, release = asyncio.Event(), asyncio.Event()

    async def slow(_: dict[str, object]) -> object:
        entered.set()
        await release.wait()
        return "done"

    server = ControlServer(tmp_path / "c.sock", {"slow": slow})
    await server.start()
    async with asyncio.TaskGroup() as group:
        call = group.create_task(ControlClient(tmp_path / "c.sock").call("slow", {}))
        await entered.wait()
        closing = group.create_task(server.close())
        release.set()
    assert call.result() == "done"
    assert closing.done()


async def test_an_answer_that_was_cut_off_is_an_error_not_a_short_list(tmp_path):
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"row": 1}\n{"row": 2')
        writer.close()

    async with await asyncio.start_unix_server(cut, tmp_path / "c.sock"):
        with pytest.raises(PeerError, match="before its answer was complete"):
            await ControlClient(tmp_path / "c.sock").call("rows", {})


async def test_a_data_directory_with_a_very_long_path_works(tmp_path):
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    server = ControlServer(folder / "relevo.sock", HANDLERS)
    await server.start()
    assert await ControlClient(folder / "relevo.sock").call("echo", {"a": 1}) == {"a": 1}
    await server.close()
    assert not (folder / "relevo.sock").exists()


async def test_another_user_is_refused(tmp_path):
    stranger = frozenset({os.geteuid() + 1})
    server = ControlServer(tmp_path / "c.sock", HANDLERS, trusted_uids=stranger)
    await server.start()
    with pytest.raises(PermanentError, match="own user and root"):
        await ControlClient(tmp_path / "c.sock").call("echo", {})
    await server.close()


def test_it_works_on_uvloop_which_the_server_runs_on(tmp_path):
    async def session() -> object:
        server = ControlServer(tmp_path / "c.sock", HANDLERS)
        await server.start()
        client = ControlClient(tmp_path / "c.sock")
        results = [await client.call("echo", {"n": n}) for n in range(3)]
        results.append(await client.call("rows", {"count": 2}))
        await server.close()
        return results

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = runner.run(session())
    assert results == [{"n": 0}, {"n": 1}, {"n": 2}, [{"id": "0"}, {"id": "1"}]]
    assert not (tmp_path / "c.sock").exists()
