"""Which jobs a thread takes next, and that none is overslept."""

import asyncio
import threading

from mta.store.inbox import BULK_TURN, Inbox
from mta.store.work import Job


def job(rows: int = 1, *, bulk: bool = False) -> Job:
    return Job((), (), asyncio.Future(loop=LOOP), rows, bulk=bulk)


def taken(inbox: Inbox) -> list[Job]:
    batch = inbox.take()
    return batch.jobs if batch is not None else []


LOOP = asyncio.new_event_loop()
LOOP.close()


def test_interactive_jobs_go_first_and_in_order() -> None:
    inbox = Inbox({})
    jobs = [job(bulk=n % 2 == 0) for n in range(6)]
    for one in jobs:
        inbox.put(one)
    assert taken(inbox) == jobs[1::2]
    assert taken(inbox) == jobs[0::2]
    assert inbox.take() is None


def test_bulk_gets_a_turn_while_interactive_jobs_keep_coming() -> None:
    inbox = Inbox({})
    bulk = job(bulk=True)
    inbox.put(bulk)
    turns = 0
    while True:
        inbox.put(job())
        turns += 1
        if taken(inbox) == [bulk]:
            break
    assert turns == BULK_TURN + 1


def test_a_batch_of_bulk_jobs_is_bounded_in_rows() -> None:
    inbox = Inbox({})
    for _ in range(5):
        inbox.put(job(900, bulk=True))
    assert [len(taken(inbox)) for _ in range(3)] == [2, 2, 1]
    inbox.put(job(2_000, bulk=True))
    assert len(taken(inbox)) == 1


def test_a_closed_inbox_is_finished_when_it_is_empty() -> None:
    inbox = Inbox({})
    inbox.put(job())
    inbox.close()
    assert not inbox.is_finished
    inbox.take_all()
    assert inbox.is_finished
    assert inbox.wait(None)


def test_no_job_is_overslept() -> None:
    inbox = Inbox({})
    count = 0

    def consume() -> None:
        nonlocal count
        while not inbox.is_finished:
            jobs = taken(inbox)
            count += len(jobs)
            if not jobs:
                inbox.wait(None)

    consumer = threading.Thread(target=consume)
    consumer.start()
    for n in range(20_000):
        inbox.put(job(bulk=n % 7 == 0))
    inbox.close()
    consumer.join()
    assert count == 20_000
