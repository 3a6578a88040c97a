"""A small authoritative DNS server on loopback, UDP and TCP on one free port, for tests.

    async with DnsServer({"example.test": {"MX": ["10 mx.example.test."]},
                          "mx.example.test": {"A": ["127.0.0.1"]}}) as dns:
        resolver = Resolver(Lookup([dns.host_port]), …)

Names it knows nothing of are NXDOMAIN, known names without the type asked for NODATA, both with a SOA
(RFC 2308). CNAMEs are followed within its data; `*.example.test` answers for what is below it.
`fail()` makes a name misbehave; `pause()`/`resume()` hold replies back; `queries` tells what was asked.
"""

import asyncio
import enum
import socket
from collections.abc import Mapping, Sequence
from typing import Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone

from mta.settings.values import HostPort

MAX_ALIASES = 20


class Fault(enum.Enum):
    """How a name misbehaves."""

    SERVFAIL = "servfail"
    REFUSED = "refused"
    SILENT = "silent"  # no reply at all
    TRUNCATED = "truncated"  # over UDP; TCP gives the whole answer
    HELD = "held"  # over UDP the right reply, after `release()`
    GARBAGE = "garbage"  # a reply that is no DNS message


class DnsServer:
    """Serves records that may change while it runs."""

    def __init__(
        self,
        records: Mapping[str, Mapping[str, Sequence[str] | str]] | None = None,
        *,
        zone: str = "",
        ttl: int = 300,
        negative_ttl: int = 60,
    ) -> None:
        self.queries: list[tuple[str, str]] = []  # (name without final dot, type) in order
        self.tcp_queries = 0
        self.ttl = ttl
        self.negative_ttl = negative_ttl
        self._rrsets: dict[dns.name.Name, dict[str, dns.rrset.RRset]] = {}
        self._faults: dict[tuple[dns.name.Name, str], Fault] = {}
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._port = 0
        self._open = asyncio.Event()
        self._open.set()
        self._released = asyncio.Event()
        self._replies: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        for name, types in (records or {}).items():
            self.set(name, **types)
        if zone:
            self.load(zone)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    @property
    def host_port(self) -> HostPort:
        return HostPort("127.0.0.1", self._port)

    def set(self, name: str, *, ttl: int | None = None, **types: Sequence[str] | str) -> None:
        """Replace records: `set("example.test", MX=["10 mx.example.test."], A="127.0.0.1")`.

        A type with an empty list exists no more, the name stays (NODATA).
        """
        owner = dns.name.from_text(name)
        entry = self._rrsets.setdefault(owner, {})
        for rdtype, values in types.items():
            texts = [values] if isinstance(values, str) else list(values)
            entry.pop(rdtype, None)
            if texts:
                seconds = self.ttl if ttl is None else ttl
                entry[rdtype] = dns.rrset.from_text(owner, seconds, "IN", rdtype, *texts)

    def load(self, zone: str) -> None:
        """Add the records of a zone text; names are absolute or below the root."""
        parsed = dns.zone.from_text(
            zone, origin=".", relativize=False, check_origin=False, allow_include=False
        )
        for owner, node in parsed.items():
            entry = self._rrsets.setdefault(owner, {})
            for rdataset in node.rdatasets:
                rrset = dns.rrset.from_rdata_list(owner, rdataset.ttl, list(rdataset))
                entry[dns.rdatatype.to_text(rdataset.rdtype)] = rrset

    def remove(self, name: str) -> None:
        """From now on NXDOMAIN."""
        self._rrsets.pop(dns.name.from_text(name), None)

    def fail(self, name: str, fault: Fault | None, rdtype: str = "") -> None:
        """Let the name (one type, or all) misbehave; `None` heals it. `*` means every name."""
        key = (dns.name.root if name == "*" else dns.name.from_text(name), rdtype)
        if fault is None:
            self._faults.pop(key, None)
        else:
            self._faults[key] = fault

    def pause(self) -> None:
        """Take queries, and reply only after `resume()`."""
        self._open.clear()

    def resume(self) -> None:
        self._open.set()

    def release(self) -> None:
        """Send the replies that `Fault.HELD` holds back, now and from now on."""
        self._released.set()

    def count(self, name: str, rdtype: str) -> int:
        """How often that question was asked."""
        return self.queries.count((name, rdtype))

    async def start(self) -> None:
        """Listen on a port of 127.0.0.1, the same for UDP and TCP: a free one, or after `stop` the old."""
        loop = asyncio.get_running_loop()
        for _ in range(50):
            stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stream.bind(("127.0.0.1", self._port))
            port = stream.getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), local_addr=("127.0.0.1", port)
                )
            except OSError:
                stream.close()  # someone has that UDP port
                continue
            self._tcp = await asyncio.start_server(self._stream, sock=stream, backlog=1024)
            self._port = port
            return
        raise RuntimeError("no port is free for both UDP and TCP")

    async def stop(self) -> None:
        """Close everything; what is still held back is dropped."""
        if self._udp is not None:
            self._udp.close()
        for task in list(self._replies):
            task.cancel()
        await asyncio.gather(*self._replies, return_exceptions=True)
        for writer in list(self._writers):
            writer.close()
        if self._tcp is not None:
            self._tcp.close()
            await self._tcp.wait_closed()
        self._udp = self._tcp = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def datagram(self, wire: bytes, peer: tuple[str, int]) -> None:
        task = asyncio.get_running_loop().create_task(self._reply_datagram(wire, peer))
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)

    async def _reply_datagram(self, wire: bytes, peer: tuple[str, int]) -> None:
        reply = self.answer(wire, is_tcp=False)
        await self._open.wait()
        question = dns.message.from_wire(wire).question[0]
        if self._fault(question.name, dns.rdatatype.to_text(question.rdtype)) is Fault.HELD:
            await self._released.wait()
        if reply is not None and self._udp is not None:
            self._udp.sendto(reply, peer)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2))
                self.tcp_queries += 1
                reply = self.answer(await reader.readexactly(length), is_tcp=True)
                await self._open.wait()
                if reply is not None:
                    writer.write(len(reply).to_bytes(2) + reply)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def answer(self, wire: bytes, *, is_tcp: bool) -> bytes | None:
        """The reply to one query, as bytes; None: silence."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        question = query.question[0]
        rdtype = dns.rdatatype.to_text(question.rdtype)
        self.queries.append((question.name.to_text(omit_final_dot=True).lower(), rdtype))
        fault = self._fault(question.name, rdtype)
        reply = dns.message.make_response(query, recursion_available=True)
        if fault is Fault.SILENT:
            return None
        if fault is Fault.GARBAGE:
            return wire[:2] + b"\xff\xff garbage"
        if fault in (Fault.SERVFAIL, Fault.REFUSED):
            reply.set_rcode(dns.rcode.SERVFAIL if fault is Fault.SERVFAIL else dns.rcode.REFUSED)
        elif fault is Fault.TRUNCATED and not is_tcp:
            reply.flags |= dns.flags.TC
        else:
            self._fill(reply, question.name, rdtype)
        if is_tcp:
            return reply.to_wire(max_size=65_535)
        limit = query.payload if query.edns >= 0 else 512
        try:
            return reply.to_wire(max_size=max(512, limit))
        except dns.exception.TooBig:
            short = dns.message.make_response(query, recursion_available=True)
            short.flags |= dns.flags.TC
            return short.to_wire()

    def _fault(self, name: dns.name.Name, rdtype: str) -> Fault | None:
        for key in ((name, rdtype), (name, ""), (dns.name.root, rdtype), (dns.name.root, "")):
            if key in self._faults:
                return self._faults[key]
        return None

    def _fill(self, reply: dns.message.Message, name: dns.name.Name, rdtype: str) -> None:
        reply.flags |= dns.flags.AA
        for _ in range(MAX_ALIASES):
            entry = self._entry(name)
            if entry is None:
                reply.set_rcode(dns.rcode.NXDOMAIN)
                break
            if rdtype in entry:
                reply.answer.append(entry[rdtype])
                return
            if "CNAME" not in entry:
                break
            alias = entry["CNAME"]
            if alias in reply.answer:
                return  # a loop
            reply.answer.append(alias)
            name = alias[0].target
        soa = f"ns.test. hostmaster.test. 1 3600 600 86400 {self.negative_ttl}"
        reply.authority.append(
            dns.rrset.from_text(dns.name.root, self.negative_ttl, "IN", "SOA", soa)
        )

    def _entry(self, name: dns.name.Name) -> dict[str, dns.rrset.RRset] | None:
        """Records of the name, of a wildcard above it, or none (an empty dict: NODATA)."""
        if name in self._rrsets:
            return self._rrsets[name]
        if any(known.is_subdomain(name) for known in self._rrsets):
            return {}
        parent = name
        while parent != dns.name.root:
            parent = parent.parent()
            wildcard = self._rrsets.get(dns.name.Name((b"*", *parent.labels)))
            if wildcard is not None:
                return {
                    rdtype: dns.rrset.from_rdata_list(name, rrset.ttl, list(rrset))
                    for rdtype, rrset in wildcard.items()
                }
            if parent in self._rrsets:
                return None
        return None


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.datagram(data, addr)
