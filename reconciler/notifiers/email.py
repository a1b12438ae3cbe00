"""E-mail by SMTP: with STARTTLS, or TLS from the start; in the clear on loopback only."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from reconciler.kinds.platform import Channel
from reconciler.notifiers.cut_off import cut_off_after
from reconciler.notifiers.port import TIMEOUT_SECONDS, Delivery, DeliveryFailure, Message, Reach

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SUBJECT_MAX = 120
_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class Email:
    """Sends messages through a mail server."""

    server: str
    sender: str
    to: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)

    def send(self, message: Message, now: datetime) -> Delivery | DeliveryFailure:
        """Send the message to all addresses; its Message-ID is the same at every try."""
        smtp = self._client()
        try:
            mail = compose(message, self.sender, self.to)
            with cut_off_after(TIMEOUT_SECONDS, lambda: [smtp.sock] if smtp.sock else []):
                refused = self._deliver(smtp, mail)
            return Delivery(f"refused: {', '.join(sorted(refused))}" if refused else "")
        except smtplib.SMTPRecipientsRefused as error:
            final = all(code >= 500 for code, _ in error.recipients.values())
            return DeliveryFailure(f"the mail server refused {', '.join(sorted(error.recipients))}", permanent=final)
        except smtplib.SMTPResponseException as error:
            return DeliveryFailure(f"the mail server answered {error.smtp_code} {_line(error.smtp_error)}")
        except smtplib.SMTPException as error:
            return DeliveryFailure(f"the mail server: {_line(str(error))}")
        except ssl.SSLError as error:
            return DeliveryFailure(f"no answer: TLS: {error.reason or 'the connection was cut'}")
        except OSError as error:
            what = "it took too long" if isinstance(error, TimeoutError) else error.strerror or type(error).__name__
            return DeliveryFailure(f"no answer: {what}")
        except ValueError:
            return DeliveryFailure("an address of the channel is none", permanent=True)

    @property
    def host(self) -> str:
        """Return the server's name."""
        return urlsplit(self.server).hostname or ""

    def _client(self) -> smtplib.SMTP:
        if urlsplit(self.server).scheme == "smtps":
            return _OverTls(
                local_hostname=socket.gethostname(), timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
            )
        return _NamedHost(local_hostname=socket.gethostname(), timeout=TIMEOUT_SECONDS)

    def _deliver(self, smtp: smtplib.SMTP, mail: EmailMessage) -> Collection[str]:
        """Hand the mail over and return who was refused."""
        parts = urlsplit(self.server)
        try:
            code, greeting = smtp.connect(self.host, parts.port or _PORTS[parts.scheme])
            if code != 220:
                raise smtplib.SMTPConnectError(code, greeting)
            # SMTPNotSupportedError where the server offers none: nothing goes over a network in the clear.
            if parts.scheme == "smtp" and self.host not in _LOOPBACK:
                smtp.starttls(context=ssl.create_default_context())
            if self.password:
                smtp.login(self.user, self.password)
            refused = smtp.send_message(mail, self.sender, list(self.to))
            # What the server took it has, however the conversation ends.
            with contextlib.suppress(smtplib.SMTPException, OSError):
                smtp.quit()
            return refused
        finally:
            smtp.close()


class _NamedHost(smtplib.SMTP):
    """A client that knows the name to check in the certificate also when it connects later than it is made."""

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        self._host = host
        return super().connect(host, port, source_address)


class _OverTls(_NamedHost, smtplib.SMTP_SSL):
    """The same over TLS from the start."""


def make(channel: Channel, reach: Reach) -> Email:
    """Return the notifier of an email channel."""
    user = reach.user or unquote(urlsplit(reach.address).username or "")
    return Email(reach.address, channel.sender or "", channel.to, user, reach.secret)


def compose(message: Message, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """Return the message as an e-mail; ValueError when an address is none."""
    mail = EmailMessage()
    where = message.site or message.account
    mail["Subject"] = _line(f"[igny8] {message.event}{f' {where}' if where else ''}: {message.text}", _SUBJECT_MAX)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{message.id}@igny8>"
    facts = {"Event": message.event, "Account": message.account, "Site": message.site, "Run": message.run_id}
    lines = [f"{name}: {value}" for name, value in facts.items() if value is not None]
    mail.set_content("\n".join([message.text, "", *lines, f"At: {message.at:%Y-%m-%d %H:%M:%S} UTC", ""]))
    return mail


def _line(text: str | bytes, longest: int = 200) -> str:
    """Return a text as one line of printable characters."""
    read = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    line = " ".join("".join(character if character.isprintable() else " " for character in read).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
