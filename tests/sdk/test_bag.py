"""A bag that becomes empty, as the libraries hear of it."""

import pytest
import requests
from postmarker.core import PostmarkClient
from postmarker.exceptions import ClientError

SENDER = "app@bag.test"
SIZE = 3


@pytest.fixture(scope="module")
def key(relay, ground, sandbox):
    """Of an account that may send `SIZE` mails."""
    account = relay.cli("account", "add", "Con bolsa")["id"]
    relay.cli("domain", "add", "bag.test", "--account", account)
    relay.add_bag(SIZE, account)
    ground.domain("bag.test", sandbox.host)
    return relay.cli("credential", "add", "--account", account, "--name", "bolsa")["api_key"]


def test_T_o_every_dialect_takes_from_the_bag_and_says_when_it_is_empty(host, key):
    body = {
        "from": {"email": SENDER},
        "subject": "Aviso",
        "content": [{"type": "text/plain", "value": "t"}],
        # Metadata that differ make each a message of its own.
        "personalizations": [
            {"to": [{"email": f"bag-{n}@sandbox.test"}], "custom_args": {"n": str(n)}}
            for n in range(SIZE + 2)
        ],
    }
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "aviso-1"}

    def send():
        answer = requests.post(f"{host.url}/v3/mail/send", json=body, headers=headers, timeout=30)
        return answer.status_code, [one["message"] for one in answer.json()["errors"]]

    status, (empty, taken) = send()
    assert (status, empty) == (402, "Maximum credits exceeded")
    told, _, numbers = taken.partition(": personalizations ")
    assert told == "accepted all the same"
    assert len(numbers.split(", ")) == SIZE
    assert send() == (status, [empty, taken])  # with the key nothing is taken twice
    for n in numbers.split(", "):
        assert host.mail(f"bag-{n}@sandbox.test")["Subject"] == "Aviso"
    client = PostmarkClient(server_token=key, root_api_url=host.url)
    with pytest.raises(ClientError) as failed:
        client.emails.send(From=SENDER, To="bag-9@sandbox.test", TextBody="t")
    assert failed.value.error_code == 405
    client.session.close()
