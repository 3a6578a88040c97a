"""Puts a template message with many recipients into a data directory, as a campaign would.

    python -m bench.campaign --config FILE --account ID --run RUN --recipients N …

It does what a running server does (`mta.intake.expansion`), on the same store, with the domains
looked up; no server may run on the directory. The campaign is on hold afterwards. What it cost is
one line of JSON. Making up the recipients is not part of the time.
"""

import argparse
import asyncio
import gc
import json
import resource
import sys
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry

from bench.cases import SIGNED_FROM
from console.app.services import PACKAGES
from console.content.compiling import MessageTemplate, compile_template
from console.content.rendering import Renderer
from mta.delivery.routing import Router
from mta.delivery.site_finding import SiteFinding
from mta.engine.assembly import make_resolver
from mta.engine.engine import SWITCH_INTERVAL_S
from mta.engine.foundation import Foundation, open_foundation
from mta.events.metrics import Metrics
from mta.intake.admission import Admission
from mta.intake.expansion import Expansion, TemplateSubmission
from mta.intake.flow_lookup import FlowLookup
from mta.intake.ports import NothingSuppressed
from mta.intake.recipients import Page, TemplateRecipient
from mta.intake.trace import TraceWriter
from mta.model.address import Address, parse_address
from mta.model.envelope import Identity
from mta.model.rendering import Occasion
from mta.model.traffic import Gate, TrafficClass
from mta.settings.loading import load_settings
from mta.shaping.rules import Shaping
from mta.store.lock import DataDirLock
from mta.store.work import Rows

CAMPAIGN = "bench"
_SENTENCE = "Le recordamos que su recibo del mes está disponible en nuestra página. "
_HEAD = "Estimado(a) {{ nombre | default: 'vecino' }}:\n\nCódigo {{ codigo }}, total S/ {{ total }}.\n\n"


def template(size: int) -> MessageTemplate:
    """A message of about `size` octets with text and HTML, half of it each."""
    filler = _SENTENCE * max(1, (size - 1100) // (2 * len(_SENTENCE)))
    return MessageTemplate(
        author=f"avisos@{SIGNED_FROM}",
        author_name="Avisos",
        subject="Su recibo {{ codigo }}",
        text=f"{_HEAD}{filler}\n",
        html=f"<p>{_HEAD}</p>\n<p>{filler}</p>\n",
        headers=(
            ("List-Unsubscribe", f"<https://{SIGNED_FROM}/u/{{{{ delivery_id }}}}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("X-Load-Id", "{{ load }}"),
        ),
    )


class MadeUp:
    """Recipients of the receivers' kind: each mail carries what `msink` checks."""

    def __init__(self, recipients: Sequence[TemplateRecipient]) -> None:
        self._recipients = recipients

    async def page(self, place: str, count: int) -> Page:
        """The place is the number of the first."""
        start = int(place or 0)
        found = self._recipients[start : start + count]
        end = start + len(found)
        return Page(found, str(end), end >= len(self._recipients))


def recipients(options: argparse.Namespace, compiled: bytes) -> list[TemplateRecipient]:
    """All of them, with the checksum of the body that each is to get."""
    made = Renderer().load(compiled)
    found = []
    for number in range(options.recipients):
        domain = options.domain_format % (number % options.domains)
        values = {"codigo": f"{number:08d}", "total": f"{number % 997}.50"}
        if number % 3:
            values["nombre"] = f"Ana María Núñez {number}" if number % 2 else f"Juan Pérez {number}"
        body = made.render(Occasion(0, "", "", "", json.dumps(values))).partition(b"\r\n\r\n")[2]
        sent_ns = time.monotonic_ns()
        values["load"] = f"{options.run}-{number}-{sent_ns}-{zlib.crc32(body):x}-{len(body)}"
        address = Address(f"u{number}.0", domain)
        found.append(TemplateRecipient(address, json.dumps(values, ensure_ascii=False)))
    return found


def expansion(base: Foundation) -> Expansion:
    """What the engine builds, without a dispatcher that listens."""
    settings = base.loaded.settings
    metrics = Metrics(CollectorRegistry())
    assert base.loaded.path is not None
    router = Router(
        settings.delivery,
        settings.sandbox,
        resolver=make_resolver(settings, base.clock, metrics),
        shaping=Shaping.load(base.loaded.path.parent / "shaping.toml"),
        clock=base.clock,
    )
    nothing = NothingSuppressed()
    admission = Admission(
        ids=base.ids,
        trace=TraceWriter(settings.server.hostname),
        queue=settings.queue,
        suppression=nothing,
        site_of=lambda _: 0,
        reserve=base.store.reserve,
    )
    return Expansion(
        store=base.store,
        flows=FlowLookup(base.store, base.flows, base.ids, base.clock),
        admission=admission,
        ids=base.ids,
        listener=_Nobody(),
        clock=base.clock,
        suppression=nothing,
        sites=SiteFinding(router, base.sites),
        renderer=Renderer(),
        metrics=metrics,
    )


class _Nobody:
    """A dispatcher that is not there: the server finds the rows when it starts."""

    def accepted(self, deliveries: object, due_ms: int) -> None:
        """Nothing to do."""

    def stored(self, rows: object) -> None:
        """Nothing to do."""


async def put(options: argparse.Namespace) -> dict[str, float]:
    """Make the message and all its deliveries; what it cost."""
    loaded = load_settings(options.config, {})
    compiled = compile_template(template(options.size))
    made = MadeUp(recipients(options, compiled))
    gc.freeze()  # the made-up list would be walked again and again
    with DataDirLock(loaded.settings.server.data_dir):
        base = await open_foundation(loaded, PACKAGES)
        try:
            return await _expand(base, options.account, compiled, made)
        finally:
            await base.store.close()


async def _expand(
    base: Foundation, account: int, compiled: bytes, made: MadeUp
) -> dict[str, float]:
    identity = Identity(account, 0, CAMPAIGN, any_sender=True)
    sender = parse_address(f"rebotes@{SIGNED_FROM}")
    expander = expansion(base)
    submission = TemplateSubmission(identity, sender, compiled, "Su recibo", CAMPAIGN)
    receipt = await expander.submit(submission)
    if not receipt.message_id:
        raise SystemExit(str(receipt.reply))
    flow = base.flows.named(account, TrafficClass.CAMPAIGN, "campaign", CAMPAIGN)
    assert flow is not None
    held = flow.gated(Gate.HELD, "until the measurement", base.clock.now_ms())
    await base.store.submit([Rows("flow_gate", [held])])
    started_s, cpu_s = time.perf_counter(), _cpu_s()
    done = await expander.expand(receipt.message_id, made)
    return {
        "deliveries": done.deliveries,
        "seconds": time.perf_counter() - started_s,
        "cpu_s": _cpu_s() - cpu_s,
        "template_octets": len(compiled),
    }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m bench.campaign")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--account", type=int, required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--recipients", type=int, required=True)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--domains", type=int, default=10)
    parser.add_argument("--domain-format", default="d%04d.test")
    options = parser.parse_args()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    print(json.dumps(asyncio.run(put(options))))


if __name__ == "__main__":
    main()
