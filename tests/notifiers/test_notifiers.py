"""Each notifier speaks as its receivers expect, says honestly how it went, and cannot be kept hanging."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from receivers import mailbox, receiver
from standardwebhooks import Webhook as Verifier

from reconciler.clock import SystemClock
from reconciler.errors import UnreachableError
from reconciler.kinds.platform import Channel
from reconciler.notifiers import NOTIFIERS, find_notifier
from reconciler.notifiers.again import ATTEMPTS_MAX, WAITS, wait_after
from reconciler.notifiers.port import Delivery, DeliveryFailure, Message, Reach
from reconciler.notifiers.post import post

AT = datetime.datetime(2026, 11, 18, 10, 30, tzinfo=datetime.UTC)
MESSAGE = Message("msg_1", "credits_low", "900 of 1,000 <credits>\nare used", AT, "acme", "blog", 7)
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def send(channel: dict, reach: Reach):
    made = Channel.model_validate(channel, strict=False)
    return find_notifier(made.type).make(made, reach).send(MESSAGE, SystemClock().now())


def hook(reach: Reach, **more):
    return send({"type": "webhook", "url": "https://x.example", **more}, reach)


def test_every_type_of_channel_has_a_notifier():
    assert {entry.name for entry in NOTIFIERS} == set(Channel.model_fields["type"].annotation.__args__)


def test_a_webhook_is_signed_as_the_reference_library_checks_it():
    with receiver() as there:
        assert hook(Reach(there.url + "/hook", secret=KEY), secret={"env": "X"}) == Delivery()
        got = there.got[0]
    Verifier(KEY).verify(got.body, dict(got.headers))
    assert json.loads(got.body) == {
        "type": "credits_low", "timestamp": AT.isoformat(),
        "data": {"id": "msg_1", "text": MESSAGE.text, "account": "acme", "site": "blog", "run": 7},
    }  # fmt: skip
    assert (got.path, got.headers["webhook-id"]) == ("/hook", "msg_1")


def test_without_a_secret_nothing_is_signed():
    with receiver() as there:
        assert hook(Reach(there.url)) == Delivery()
        assert "webhook-signature" not in there.got[0].headers


@pytest.mark.parametrize("secret", ["short", "whsec_c2hvcnQ=", "whsec_" + "a" * 200, "", "whsec_nö"])
def test_a_secret_that_is_no_key_is_refused_and_not_repeated(secret):
    with pytest.raises(UnreachableError, match="24 to 64 bytes") as refused:
        hook(Reach("http://127.0.0.1:9", secret=secret), secret={"env": "X"})
    assert not secret or secret not in str(refused.value)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ((503, {"Retry-After": "90"}), DeliveryFailure("the receiver answered 503 Service Unavailable", False, 90)),
        ((429, {"Retry-After": "soon"}), DeliveryFailure("the receiver answered 429 Too Many Requests")),
        ((410, {}), DeliveryFailure("the receiver answered 410 Gone", True)),
        ((599, {}), DeliveryFailure("the receiver answered 599")),
        ((302, {"Location": "http://127.0.0.1:9/"}),
         DeliveryFailure("the receiver answered 302 Found, and redirects are not followed")),
        ("hang up", DeliveryFailure("no answer: the connection was closed")),
    ],
)  # fmt: skip
def test_what_the_receiver_answers_is_told(answer, failure):
    with receiver() as there:
        there.answer = lambda got, number: answer
        assert hook(Reach(there.url)) == failure


def test_nobody_there_is_told():
    assert hook(Reach("http://127.0.0.1:9")) == DeliveryFailure("no answer: Connection refused")


def test_a_receiver_that_answers_a_letter_at_a_time_is_cut_off():
    with receiver() as there:
        there.answer = lambda got, number: "drip"
        end = post(there.url, b"{}", {}, timeout_seconds=2)
        assert isinstance(end, DeliveryFailure)
        assert there.left.wait(60), "the connection was ended"


def test_slack_gets_one_text_in_which_nothing_is_a_mention():
    with receiver() as there:
        assert send({"type": "slack", "secret_url": {"env": "X"}}, Reach(there.url)) == Delivery()
        assert json.loads(there.got[0].body) == {
            "text": "*credits_low* blog: 900 of 1,000 &lt;credits&gt;\nare used"
        }  # fmt: skip


@pytest.mark.parametrize(("body", "told"), [(b"no_service", " (no_service)"), (b"<p>not found: /services/T1</p>", "")])
def test_slacks_word_for_it_is_told_and_nothing_else(body, told):
    with receiver() as there:
        there.answer, there.body = (lambda got, number: (404, {})), body
        end = send({"type": "slack", "secret_url": {"env": "X"}}, Reach(there.url + "/services/T1"))
        assert end == DeliveryFailure(f"the receiver answered 404 Not Found{told}")


MAIL = {
    "type": "email",
    "sender": "igny8@x.example",
    "to": ["a@x.example", "b@x.example"],
    "server": "smtp://x.example",
}


def test_an_e_mail_says_what_happened_where():
    with mailbox() as box:
        assert send(MAIL, Reach(f"smtp://127.0.0.1:{box.port}")) == Delivery()
    mail = box.mails[0]
    assert box.recipients == [["a@x.example", "b@x.example"]]
    assert (mail["subject"], mail["message-id"], mail["from"], mail["to"]) == (
        "[igny8] credits_low blog: 900 of 1,000 <credits> are used", "<msg_1@igny8>", "igny8@x.example",
        "a@x.example, b@x.example",
    )  # fmt: skip
    assert mail["date"].datetime == AT
    assert mail.get_content().splitlines() == [
        "900 of 1,000 <credits>", "are used", "", "Event: credits_low", "Account: acme", "Site: blog", "Run: 7",
        "At: 2026-11-18 10:30:00 UTC",
    ]  # fmt: skip


def test_an_address_that_the_server_refuses_does_not_keep_it_from_the_others():
    with mailbox() as box:
        box.refuses = {"b@x.example"}
        assert send(MAIL, Reach(f"smtp://127.0.0.1:{box.port}")) == Delivery("refused: b@x.example")
        box.refuses |= {"a@x.example"}
        end = send(MAIL, Reach(f"smtp://127.0.0.1:{box.port}"))
        assert end == DeliveryFailure("the mail server refused a@x.example, b@x.example", permanent=True)


@pytest.mark.parametrize("reply", ["451 later", "554 never"])
def test_a_mail_that_the_server_does_not_take_is_tried_again(reply):
    with mailbox() as box:
        box.reply = reply
        assert send(MAIL, Reach(f"smtp://127.0.0.1:{box.port}")) == DeliveryFailure(f"the mail server answered {reply}")


def test_no_mail_goes_over_a_network_in_the_clear():
    """127.0.0.2 stands for another machine: only the names of loopback are exempt."""
    with mailbox("127.0.0.2") as box:
        end = send(MAIL, Reach(f"smtp://127.0.0.2:{box.port}"))
        assert end == DeliveryFailure("the mail server: STARTTLS extension not supported by server.")
        assert box.mails == []


@pytest.fixture
def certificate(tmp_path):
    """The TLS of a server on loopback, and the file that says whom to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    now = SystemClock().now()
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    trusted, secret = tmp_path / "ca.pem", tmp_path / "key.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, secret)
    return context, trusted


def test_over_tls_it_logs_in_and_trusts_no_stranger(certificate, monkeypatch):
    context, trusted = certificate
    with mailbox(tls=context) as box:
        reach = Reach(f"smtps://us%40x.example@127.0.0.1:{box.port}", secret="right")
        end = send(MAIL, reach)
        assert isinstance(end, DeliveryFailure) and "CERTIFICATE_VERIFY_FAILED" in end.message
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        assert send(MAIL, reach) == Delivery()
        assert box.logins == [("us@x.example", "right")]
        end = send(MAIL, Reach(f"smtps://127.0.0.1:{box.port}", "us", "wrong"))
        assert isinstance(end, DeliveryFailure) and not end.permanent and "535" in end.message


def test_waits_grow_and_end():
    failure = DeliveryFailure("busy")
    assert [wait_after(failure, tries) for tries in range(1, ATTEMPTS_MAX + 1)] == [*WAITS, None]
    assert wait_after(DeliveryFailure("gone", permanent=True), 1) is None
    assert wait_after(DeliveryFailure("busy", retry_after_seconds=3600), 1) == datetime.timedelta(hours=1)
    assert list(WAITS) == sorted(WAITS)
