"""Tells people outside: sends what is in the outbox, at least once, each channel on its own, under a stable id."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Event
from typing import Any

from reconciler.config.compilation import Compilation
from reconciler.config.secrets import redact
from reconciler.config.suggest import did_you_mean
from reconciler.errors import Igny8Error, UnreachableError, UsageError
from reconciler.ids import random_id
from reconciler.kinds.fields import is_mail_server, is_url
from reconciler.kinds.platform import Channel, Platform
from reconciler.kinds.providers import Provider, ProviderCatalog
from reconciler.notifiers import find_notifier
from reconciler.notifiers.again import ATTEMPTS_MAX, wait_after
from reconciler.notifiers.port import Delivery, DeliveryFailure, Message, Notifier, Reach
from reconciler.operations.app import Installation
from reconciler.operations.credentials import resolve_secret
from reconciler.operations.worker import is_gone, worker_name
from reconciler.store.engine import Database
from reconciler.store.outbox import (
    Claim,
    claim_next,
    count_messages,
    declared_channels,
    give_up_senders,
    list_messages,
    mark_delivered,
    mark_failed,
    revive,
    senders,
    waiting_channels,
)
from reconciler.store.resources import load_specs

# Longer than a try can take, so that nobody sends what another is sending.
_LEASE = timedelta(minutes=2)
_CHANNELS_AT_ONCE = 8
_RESEND = "smtps://smtp.resend.com:465"
_REASON_MAX = 300


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one message at one channel; with `is_dead` it is not tried again."""

    channel: str
    message: str
    event: str
    error: str = ""
    is_dead: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "channel": self.channel,
            "message": self.message,
            "event": self.event,
            "delivered": not self.error,
            "dead": self.is_dead,
            "error": self.error,
        }


def deliver_due(
    installation: Installation, database: Database, *, channels: Collection[str] = (), retry_dead: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Told, ...]:  # fmt: skip
    """Send what is due, the channels side by side; return what became of it.

    A channel that does not answer is left alone until the message is due again, and keeps no other channel waiting.
    """
    now = installation.clock.now()
    with database.read() as connection:
        gone = {owner for owner in senders(connection) if is_gone(owner)}
        declared = declared_channels(connection)
    if channels:
        _check_names(channels, declared)
    if gone or retry_dead:
        with database.write() as connection:
            give_up_senders(connection, gone, now)
            if retry_dead:
                revive(connection, sorted(channels), now)
    with database.read() as connection:
        providers = load_specs(connection, "providers", ProviderCatalog).get("providers", ProviderCatalog())
        waiting = [name for name in waiting_channels(connection, now) if not channels or name in channels]
    if not waiting:
        return ()

    interrupted = Event()

    def ends() -> bool:
        return interrupted.is_set() or should_stop()

    def serve(name: str) -> list[Told]:
        return _serve(installation, database, name, declared.get(name), providers, ends)

    with ThreadPoolExecutor(min(len(waiting), _CHANNELS_AT_ONCE), "notify") as pool:
        try:
            return tuple(told for some in pool.map(serve, waiting) for told in some)
        except BaseException:
            interrupted.set()  # the messages at hand are finished, the rest stays
            raise


def send_test(installation: Installation, compilation: Compilation, name: str) -> Delivery | DeliveryFailure:
    """Send one message to a channel as the config declares it; UsageError when there is no such channel."""
    specs = {item.kind: item.spec for item in compilation.resources if item.kind in ("platform", "providers")}
    platform, providers = specs.get("platform", Platform()), specs.get("providers", ProviderCatalog())
    assert isinstance(platform, Platform) and isinstance(providers, ProviderCatalog)
    channels = platform.notifications.channels
    _check_names([name], channels)
    text = f"A test of the channel {name}, sent by {installation.actor}."
    message = Message(f"msg_{random_id()}", "test", text, installation.clock.now())
    return _send(installation, name, channels[name], providers, message)


def _check_names(names: Collection[str], channels: Collection[str]) -> None:
    for name in names:
        if name not in channels:
            known = f"there are {', '.join(channels)}" if channels else "platform.yaml declares none"
            raise UsageError(f"there is no channel {name!r}", hint=f"{did_you_mean(name, channels)} {known}".strip())


def _serve(
    installation: Installation, database: Database, name: str, channel: Channel | None, providers: ProviderCatalog,
    should_stop: Callable[[], bool],
) -> list[Told]:  # fmt: skip
    """Send the channel's messages, the oldest first, until none is due or one could not be sent for now."""
    told: list[Told] = []
    while not should_stop():
        with database.write() as connection:
            claim = claim_next(
                connection, name, owner=worker_name(), now=installation.clock.now(), lease=_LEASE
            )  # fmt: skip
        if claim is None:
            break
        end = _try(installation, claim, channel, providers)
        dead = _record(installation, database, claim, end)
        error = end.message if isinstance(end, DeliveryFailure) else ""
        told.append(Told(name, claim.id, claim.event, error, is_dead=dead))
        if error and not dead:
            break
    return told


def _try(
    installation: Installation, claim: Claim, channel: Channel | None, providers: ProviderCatalog
) -> Delivery | DeliveryFailure:
    if channel is None:
        return DeliveryFailure("platform.yaml declares no such channel any more", permanent=True)
    if claim.attempts > ATTEMPTS_MAX:
        return DeliveryFailure("given up: whoever sent it ended each time before it was recorded", permanent=True)
    message = Message(claim.id, claim.event, claim.text, claim.at, claim.account, claim.site, claim.run_id)
    return _send(installation, claim.channel, channel, providers, message)


def _record(installation: Installation, database: Database, claim: Claim, end: Delivery | DeliveryFailure) -> bool:
    """Write down how a try ended; tell whether the message is dead."""
    now = installation.clock.now()
    wait = wait_after(end, claim.attempts) if isinstance(end, DeliveryFailure) else None
    with database.write() as connection:
        if isinstance(end, Delivery):
            mark_delivered(connection, claim, now, end.note[:_REASON_MAX])
        else:
            mark_failed(connection, claim, end.message, again_at=now + wait if wait else None, now=now)
    return isinstance(end, DeliveryFailure) and wait is None


def _send(
    installation: Installation, name: str, channel: Channel, providers: ProviderCatalog, message: Message
) -> Delivery | DeliveryFailure:
    """Send a message and return how it went, in words without secrets."""
    reach = Reach("")
    try:
        reach = _reach(installation, name, channel, providers)
        notifier: Notifier = find_notifier(channel.type).make(channel, reach)
        end = notifier.send(message, installation.clock.now())
    except Igny8Error as error:
        # A key that is missing today may be there tomorrow.
        hint = f"; {error.hint}" if error.hint else ""
        end = DeliveryFailure(f"{error.message}{hint}")
    except Exception as error:  # a defect of ours must not keep the other messages from going out
        end = DeliveryFailure(f"unexpected: {type(error).__name__}")
    if isinstance(end, Delivery):
        return end
    return DeliveryFailure(_without_secrets(end.message, reach), end.permanent, end.retry_after_seconds)


def _without_secrets(text: str, reach: Reach) -> str:
    for secret in (reach.secret, reach.address):
        if len(secret) > 3:
            text = text.replace(secret, "***")
    return redact(text)[:_REASON_MAX]


def _reach(installation: Installation, name: str, channel: Channel, providers: ProviderCatalog) -> Reach:
    """Resolve where a channel is reached, and its secrets; UnreachableError when one cannot be had."""
    owner = f"channel {name}"
    secret = resolve_secret(installation.root, owner, channel.secret) if channel.secret else ""
    if channel.type == "email":
        return (
            Reach(channel.server, secret=secret)
            if channel.server
            else _mail_provider(installation, name, channel, providers)
        )
    address = channel.url or ""
    if channel.secret_url is not None:
        address = resolve_secret(installation.root, owner, channel.secret_url)
        if not is_url(address):
            raise UnreachableError(f"{owner}: the secret address is no https URL")
    return Reach(address, secret=secret)


def _mail_provider(installation: Installation, name: str, channel: Channel, providers: ProviderCatalog) -> Reach:
    able: dict[str, Provider] = {key: item for key, item in providers.providers.items() if item.sends_mail}
    chosen = channel.provider or next(iter(able), "")
    if chosen not in able:
        raise UnreachableError(f"channel {name}: no active email provider can send", hint="declare one, or a `server`")
    provider = able[chosen]
    key = provider.credentials.api_key
    secret = resolve_secret(installation.root, f"provider {chosen}", key) if key is not None else ""
    if provider.adapter == "resend":
        endpoint = provider.endpoint or ""
        return Reach(endpoint if is_mail_server(endpoint) else _RESEND, "resend", secret)
    return Reach(provider.endpoint or "", secret=secret)


def read_messages(
    database: Database, *, states: Sequence[str], channels: Sequence[str], limit: int, offset: int
) -> tuple[tuple[Mapping[str, Any], ...], int, dict[str, int]]:
    """Return a page of messages, the newest first, how many the filter has in all, and how many are in which state."""
    with database.read() as connection:
        rows, total = list_messages(connection, states=states, channels=channels, limit=limit, offset=offset)
        return rows, total, count_messages(connection)
