"""The ends of the chains go to auditors once a day, also over a restart."""

from console.app.audit_heads import ChainEnd, HeadMail
from tests.accounts_world import OPERATOR, PACKAGES, open_world


async def test_T_t_auditors_get_the_last_hashes_once_a_day(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.accounts_world.PACKAGES", (*PACKAGES, "console.privacy"))
    async with open_world(tmp_path) as world:
        await world.accounts.add(OPERATOR, "Ministerio")
        await world.sealer.seal()
        got: list[tuple[str, list[ChainEnd], str]] = []

        async def send(to, ends, day):
            got.append((to, list(ends), day))

        def new() -> HeadMail:
            mail = HeadMail(world.store, world.clock, ("auditor@example.org",), "America/Lima")
            mail.send = send
            return mail

        await new().run()
        await new().run()
        assert len(got) == 1
        to, (end,), _ = got[0]
        ((entries, digest, _),) = await world.store.read("chain_head", chain="audit")
        assert (to, end) == ("auditor@example.org", ChainEnd("audit", entries, digest))
        world.clock.advance(24 * 3600)
        await new().run()
        assert len(got) == 2
        nobody = HeadMail(world.store, world.clock, (), "America/Lima")
        nobody.send = send
        world.clock.advance(24 * 3600)
        await nobody.run()
        assert len(got) == 2
