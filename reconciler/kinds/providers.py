"""ProviderCatalog: who is called, with which credentials (by reference only) and within which limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.kinds.fields import Endpoint, Name, Positive, SecretRef, Spec, is_mail_server

# What a catalogue may name. A registered adapter may be named besides; one of these that is not registered can be
# declared and planned, but not called.
DECLARABLE_ADAPTERS = (
    "openai", "anthropic", "google", "runware", "bria", "offline", "stripe", "paypal", "resend", "smtp",
)  # fmt: skip


class Credentials(Spec):
    """References to secrets; never the secrets themselves."""

    api_key: SecretRef | None = None
    webhook_secret: SecretRef | None = None


class Limits(Spec):
    """What we allow ourselves at the provider."""

    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    concurrency: Positive = 8
    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 120
    attempts_max: Annotated[int, Field(ge=1, le=20)] = 4


class Provider(Spec):
    """One provider account."""

    type: Literal["ai", "payment", "email"]
    adapter: Name
    credentials: Credentials = Credentials()
    endpoint: Endpoint | None = None
    sandbox: bool = False
    active: bool = True
    limits: Limits = Limits()

    @property
    def sends_mail(self) -> bool:
        """Tell whether e-mail can be sent through it."""
        if self.type != "email" or not self.active:
            return False
        if self.adapter == "resend":
            return self.credentials.api_key is not None
        return self.adapter == "smtp" and self.endpoint is not None and is_mail_server(self.endpoint)


class ProviderCatalog(Spec):
    """All providers by name."""

    providers: dict[Name, Provider] = Field(default_factory=dict)
