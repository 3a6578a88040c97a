"""A whole campaign, from the spreadsheet to the inbox and the opened mail, as a person sends it.

    python -m bench.sending [--recipients 300000] [--crashes 0] [--delay 100] [--spy FILE]

A real server with a contract, a signing domain and tracking. A person signs in, uploads an XLSX file,
takes the columns as they are guessed, writes content with fields, links and a picture that counts
opens, and starts. The receivers (`msink`, 20 addresses) wait `--delay` ms before every reply, check
that each mail is signed and is that of its recipient, and count who got it how often. When half has
arrived, two in five open their mail: all that have it at once. With `--crashes 2` the server is killed
after a third and after two thirds of the mail and started again at once; what was on its way then is
tried again after a quarter of an hour (docs/explanation/durability.md), and the run lasts as long.

The clock runs from the beginning of the upload until the campaign says "finished". Then both sides
are compared: receivers, figures of the campaign, the bag, opens. One line of JSON for each step on
standard output; the exit status is 1 when anything does not match.
"""

import argparse
import asyncio
import itertools
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

from bench import machine, meter
from bench.cases import CASES, SIGNED_FROM, Load, Receivers
from bench.children import SubjectError
from bench.generator import Sink, Stream, new_stream
from bench.ground import Ground
from bench.meter import PeakSampler, Snapshot, SyncCounter
from bench.person import Login, Person
from bench.programs import program
from bench.readers import Readers
from bench.subject_relevo import RelevoSubject

DOMAINS = 20
MARK = "aviso "
EMAIL, PASSWORD = "ana@sender.test", "correcto caballo grapa"
SIZE = 4_000_000  # of the contract
LOOK_S = 0.2
STALL_S = 60.0  # without any arrival
UNCERTAIN_S = 1_000.0  # after a kill: what was on its way is tried again after a quarter of an hour
PARAGRAPH = (
    "<p>Le informamos que la convocatoria continúa abierta y que las bases pueden consultarse en"
    ' <a href="https://{domain}/bases/{n}">la página {n}</a> hasta el cierre del plazo.</p>\n'
)


def make_file(path: Path, count: int) -> None:
    """The spreadsheet: address, name, number and amount of each recipient."""
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_urls": False})
    sheet = book.add_worksheet("Proveedores")
    sheet.write_row(0, 0, ["Correo", "Nombre", "Código", "Total"])
    for n in range(count):
        address = f"u{n}.0@d{n % DOMAINS:04d}.test"
        sheet.write_row(n + 1, 0, [address, f"Proveedor número {n}", n, f"{n % 900 + 100}.50"])
    book.close()


def content() -> dict[str, object]:
    """Some 6 KiB of HTML with three fields, a condition and eight links."""
    links = "".join(PARAGRAPH.format(domain=SIGNED_FROM, n=n) for n in range(8))
    source = (
        "<html><body><h1>Convocatoria</h1>\n"
        "<p>Estimado(a) {{ nombre | default: 'proveedor' }}: su código es {{ codigo }}.</p>\n"
        "{% if total %}<p>Total registrado: S/ {{ total }}.</p>{% endif %}\n"
        f"{links * 3}</body></html>"
    )
    return {
        "from_address": f"avisos@{SIGNED_FROM}",
        "from_name": "Avisos",
        "subject": f"Su {MARK}{{{{ codigo }}}}",
        "source": source,
    }


class Sending:
    """One campaign on one server."""

    def __init__(self, options: argparse.Namespace, ground: Ground, stream: Stream) -> None:
        self._options = options
        self._subject = RelevoSubject(ground)
        self._directory = ground.directory / "sending"
        self._directory.mkdir()
        self._file = ground.directory / "lista.xlsx"
        self._opens = ground.directory / "opens"
        self._stream = stream
        self._crashes: list[int] = []
        self.problems: list[str] = []
        self.found: dict[str, Any] = {}

    def run(self, ground: Ground) -> None:
        """All of it."""
        make_file(self._file, self._options.recipients)
        syncs = SyncCounter(self._directory / "syncs", program("syncs.so"))
        case = next(case for case in CASES if case.key == "c")
        self._subject.start(case, self._directory, syncs)
        login = self._prepare()
        receivers = Receivers(delay_ms=self._options.delay)
        options = ("--personal", MARK, "--opens", str(self._opens))
        try:
            with (
                Sink(ground, receivers, [self._stream], options) as sink,
                Readers(self._opens, self._subject.public) as readers,
            ):
                asyncio.run(self._send(login, sink, readers))
        finally:
            self.problems += self._subject.stop()
        self._compare_store()

    def _prepare(self) -> Login:
        """A contract and a person, beside the running server."""
        ask = self._subject.command
        ask("contract", "add", "bench", "--size", str(SIZE), "--starts", _today())
        ask("user", "add", EMAIL, "--role", "owner", "--password-stdin", text=PASSWORD + "\n")
        return Login(EMAIL, PASSWORD, self._subject.api_key)

    async def _send(self, login: Login, sink: Sink, readers: Readers) -> None:
        async with Person(self._subject.console, login) as person:
            with PeakSampler([self._subject.pid]) as sampler:
                before, began_s = Snapshot.of([self._subject.pid]), time.monotonic()
                campaign = await person.upload(self._file)
                self._note("uploaded_s", began_s)
                await person.ask("PATCH", f"/campaigns/{campaign}", {"content": content()})
                preflight = await person.ask("POST", f"/campaigns/{campaign}/preflight", {})
                self.found["findings"] = [one["code"] for one in preflight["findings"]]
                await person.ask("POST", f"/campaigns/{campaign}/start", {"accept": ["all"]})
                spy = self._spy()
                await self._watch(person, campaign, sink, readers, began_s)
                self._note("finished_s", began_s)
                opened = await asyncio.to_thread(readers.finish)
                if spy is not None:
                    await asyncio.to_thread(spy.wait)
                if not self._crashes:  # else its processor time began anew
                    self._costs(before, sink)
            self.found["anonymous_mib"] = round(sampler.peak.anonymous / meter.KIB**2)
            await self._compare(person, campaign, sink, opened)

    async def _watch(
        self, person: Person, campaign: str, sink: Sink, readers: Readers, began_s: float
    ) -> None:
        """Until it is finished; kills the server on the way, and lets people open their mail."""
        total, seen, moved_s = self._options.recipients, -1, time.monotonic()
        due = [(n + 1) * total // (self._options.crashes + 1) for n in range(self._options.crashes)]
        half: int | None = total // 2
        first_s = 0.0
        while True:
            unique = sink.ask()["streams"][0]["unique"]
            if unique and not first_s:
                first_s = time.monotonic()
                self._note("first_mail_s", began_s)
            if half is not None and unique >= half:
                readers.begin()
                half = None
            if due and unique >= due[0]:
                due.pop(0)
                self._crashes.append(unique)
                ready_s = await asyncio.to_thread(self._subject.crash)
                self._tell({"killed_at": unique, "ready_s": round(ready_s, 1)})
            if unique >= total and "last_mail_s" not in self.found:
                self._note("last_mail_s", began_s)
                self.found["mails_s"] = round(total / (time.monotonic() - first_s))
            if unique != seen:
                if time.monotonic() - moved_s > STALL_S:
                    self._note("uncertain_tried_s", began_s)
                    self.found["uncertain"] = total - seen
                seen, moved_s = unique, time.monotonic()
            elif time.monotonic() - moved_s > (UNCERTAIN_S if self._crashes else STALL_S):
                progress = await person.ask("GET", f"/campaigns/{campaign}/progress")
                raise SubjectError(f"nothing moves at {unique:,}: {progress}")
            status = (await person.campaign(campaign))["status"]
            if status not in {"preparing", "running"}:
                if status != "finished":
                    self.problems.append(f"the campaign is {await person.campaign(campaign)}")
                return
            await asyncio.sleep(LOOK_S)

    async def _compare(
        self, person: Person, campaign: str, sink: Sink, opened: dict[str, float]
    ) -> None:
        """Both sides have to say the same."""
        got, total = sink.ask(), self._options.recipients
        arrived = got["streams"][0]
        progress = await person.ask("GET", f"/campaigns/{campaign}/progress")
        kept = {name: progress[name] for name in ("delivered", "bounced", "expired", "suppressed")}
        self._tell({"progress": {k: v for k, v in progress.items() if k != "providers"}})
        self._same("recipients who got it", arrived["unique"], total)
        self._same("wrong or damaged", got["corrupt"] + got["foreign"] + got["strays"], 0)
        self._same("signed", got["signed"], got["received"])
        self._same("campaign's figures", kept["delivered"], total)
        if not self._crashes:
            self._same("got it twice", arrived["duplicates"], 0)
        self.found |= {"twice": arrived["duplicates"], "killed_at": self._crashes, **opened}
        self._same("opened", opened["opened"], sum(n % 5 < 2 for n in range(total)))

    def _compare_store(self) -> None:
        """What the server has written, after it ended."""
        store = sqlite3.connect(f"file:{self._store()}?mode=ro", uri=True)

        def ask(sql: str) -> int:
            number: int = store.execute(sql).fetchone()[0]
            return number

        total = self._options.recipients
        opened = "SELECT count(*) FROM engagement WHERE opened_ms > 0 OR auto_opened_ms > 0"
        rolled = "SELECT coalesce(sum(firsts_any), 0) FROM engagement_hour WHERE kind = 1"
        self._same("opens written", ask(opened), self.found["opened"])
        self._same("opens rolled up", ask(rolled), self.found["opened"])
        bag = "SELECT sum(consumed) FROM quota_entry"
        self._same("taken out of the bag", ask(bag), total)
        store.close()

    def _costs(self, before: Snapshot, sink: Sink) -> None:
        after, thousands = Snapshot.of([self._subject.pid]), self._options.recipients / 1000
        self.found["cpu_s_per_1000"] = round((after.cpu_s - before.cpu_s) / thousands, 3)
        self.found["loop_cpu_s_per_1000"] = round((after.loop_s - before.loop_s) / thousands, 3)
        others = after.busy_s - before.busy_s - (after.cpu_s - before.cpu_s) - sink.ask()["cpu_s"]
        self.found["other_cores"] = round(others / (after.at_s - before.at_s), 2)

    def _spy(self) -> "subprocess.Popen[bytes] | None":
        if not self._options.spy:
            return None
        command = [str(Path(sys.executable).parent / "py-spy"), "record", "-p"]
        command += [str(self._subject.pid), "-d", "60", "-r", "100", "-t", "-f", "raw"]
        return subprocess.Popen([*command, "-o", self._options.spy])

    def _store(self) -> Path:
        return next((self._directory / "queue").glob("*.db"))

    def _note(self, name: str, began_s: float) -> None:
        self.found[name] = round(time.monotonic() - began_s, 1)
        self._tell({name: self.found[name]})

    def _same(self, what: str, found: float, expected: float) -> None:
        if found != expected:
            self.problems.append(f"{what}: {found:,}, not {expected:,}")

    def _tell(self, step: dict[str, Any]) -> None:
        print(json.dumps(step), flush=True)


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() - 6 * 3600))


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.sending",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--recipients", type=int, default=300_000)
    parser.add_argument("--crashes", type=int, default=0)
    parser.add_argument("--delay", type=int, default=100, help="ms before each reply [%(default)s]")
    parser.add_argument("--spy", default="", help="write stacks of a minute there (py-spy)")
    parser.add_argument("--dir", type=Path)
    parser.add_argument("--keep", action="store_true", help="leave the server's directory")
    options = parser.parse_args(arguments)
    stream = new_stream(Load(messages=options.recipients), itertools.count(1))
    with Ground(options.dir, keep=options.keep) as ground:
        print(json.dumps(machine.facts(ground.directory)))
        sending = Sending(options, ground, stream)
        sending.run(ground)
    print(json.dumps(sending.found))
    for problem in sending.problems:
        print(problem, file=sys.stderr)
    return 1 if sending.problems else 0


if __name__ == "__main__":
    sys.exit(main())
