"""Platform: credit value, AI defaults, modules, presets, safety limits, notifications, reconciling. Exactly one."""

from __future__ import annotations

from typing import Annotated, Any, Literal, LiteralString

from pydantic import Field
from pydantic_core import PydanticCustomError

from reconciler.kinds.extensions import ModelChoice
from reconciler.kinds.fields import (
    AiDefaults,
    Count,
    Duration,
    LocalTime,
    MailServer,
    Name,
    Percent,
    Positive,
    SecretRef,
    Spec,
    Text,
    Timezone,
    Url,
    Usd,
    Weekday,
)
from reconciler.kinds.waiver import Waiver


class Defaults(Spec):
    """What holds where neither account nor site says otherwise."""

    ai: AiDefaults = AiDefaults()


class Modules(Spec):
    """Parts of the pipeline that can be switched off for everybody."""

    clustering: bool = True
    ideas: bool = True
    content: bool = True
    optimization: bool = True
    linking: bool = True
    images: bool = True
    publishing: bool = True


class Images(Spec):
    """How images are kept, whatever the provider sent. What a file says about itself (EXIF, texts) is never kept."""

    image_format: Literal["original", "png", "jpeg", "webp", "avif"] = Field(
        "original", description="original keeps the provider's format."
    )
    image_max_side: Annotated[int, Field(ge=64, le=16384)] = Field(
        4096, description="Pixels; a longer image is made smaller."
    )
    image_compression_quality: Annotated[int, Field(ge=1, le=100)] = Field(
        85, description="Of JPEG, WebP and AVIF, when an image is written anew."
    )


class StageOverrides(Spec):
    """Any of a stage's settings; what is left out falls back to the next scope."""

    enabled: bool | None = None
    batch_size: Positive | None = None
    per_run_limit: Count | None = Field(None, description="0 = all that is pending.")
    model: ModelChoice | None = None
    budget_pct: Percent | None = None


class Preset(Spec):
    """Stage settings under one name, below a site's own keys."""

    stages: dict[str, StageOverrides] = Field(default_factory=dict)


def _shipped_presets() -> dict[str, Preset]:
    limits = {"conservative": (5, 3), "balanced": (10, 20), "aggressive": (0, 0)}
    return {
        name: Preset(
            stages={"content": StageOverrides(per_run_limit=content), "images": StageOverrides(per_run_limit=images)}
        )
        for name, (content, images) in limits.items()
    }


# The slugs of what can be planned; a kind cannot be imported here, so a test compares.
LimitedKind = Literal[
    "platform", "providers", "models", "tiers", "industries", "prompt", "author", "strategy", "account", "site"
]


class KindLimits(Spec):
    """The most resources of one kind that a plan may touch; what is left out has no such limit."""

    creates_max: Count | None = None
    updates_max: Count | None = None
    deletes_max: Count | None = None


class Safety(Spec):
    """How much one plan may change before somebody has to say so explicitly."""

    update_limit_pct: Percent = 30
    delete_limit_pct: Percent = 30
    limit_floor: Count = Field(10, description="Percentages apply to kinds with at least this many resources.")
    limits: dict[LimitedKind, KindLimits] | None = Field(
        None, description="Absolute limits by kind, beside the percentages."
    )
    articles_per_week_change_max: Count | None = Field(
        None, description="The most that a plan may change the articles of a week by, up or down."
    )
    articles_per_week_change_pct: Count | None = Field(None, description="The same as a share of what they were.")
    credits_per_month_change_max: Count | None = Field(
        None, description="The most that a plan may change the forecast credits of 30 days by, up or down."
    )
    credits_per_month_change_pct: Count | None = Field(None, description="The same as a share of what they were.")


# What people are told besides how each AI stage went.
EVENTS = (
    "publish_success", "publish_failed", "applied", "apply_failed", "drift_found", "credits_low", "usage_missing", "duplicates_found",
    "approvals_held",
)  # fmt: skip


class Channel(Spec):
    """Where notifications go, and which ones."""

    type: Literal["webhook", "email", "slack"]
    url: Url | None = None
    secret_url: SecretRef | None = Field(None, description="Where the address itself is a secret, as Slack's are.")
    to: tuple[Text, ...] = ()
    sender: Text | None = None
    server: MailServer | None = Field(None, description="Without one, the active email provider.")
    provider: Name | None = None
    secret: SecretRef | None = None
    events: tuple[Text, ...] = Field((), description="Empty = all events.")

    def model_post_init(self, _context: Any) -> None:
        problem = self._email_problem() if self.type == "email" else self._hook_problem()
        if problem:
            raise PydanticCustomError("channel", problem, {})

    def takes(self, event: str) -> bool:
        """Tell whether an event goes to this channel."""
        return not self.events or event in self.events

    def _email_problem(self) -> LiteralString | None:
        if not self.to:
            return "an email channel needs `to`"
        if self.sender is None:
            return "an email channel needs `sender`"
        if self.url is not None or self.secret_url is not None:
            return "an email channel has no `url`; write `server`, or leave it to the email provider"
        if self.server is not None and self.provider is not None:
            return "an email channel has a `server` or a `provider`, not both"
        if self.secret is not None and self.server is None:
            return "`secret` is the password of `server`; a provider has its own credentials"
        return None

    def _hook_problem(self) -> LiteralString | None:
        if self.url is None and self.secret_url is None:
            return "this channel needs `url`"
        if self.url is not None and self.secret_url is not None:
            return "this channel has a `url` or a `secret_url`, not both"
        if self.to or self.sender or self.server or self.provider:
            return "`to`, `sender`, `server` and `provider` are of email channels"
        if self.type == "slack" and self.secret is not None:
            return "Slack takes no signature: only a webhook has a `secret`"
        return None


class Notifications(Spec):
    """Channels by name."""

    channels: dict[Name, Channel] = Field(default_factory=dict)


class SyncWindow(Spec):
    """A weekly time in which changes may, or may not, be applied."""

    action: Literal["allow", "deny"]
    days: Annotated[tuple[Weekday, ...], Field(min_length=1)]
    start: LocalTime
    end: LocalTime
    timezone: Timezone = "UTC"


class Reconcile(Spec):
    """How the daemon behaves."""

    interval: Duration = "60s"
    heal: Literal["off", "report", "enforce"] = "report"
    sync_windows: tuple[SyncWindow, ...] = ()


class Platform(Spec):
    """The platform itself."""

    credit_value_usd: Usd = "0.01"
    defaults: Defaults = Defaults()
    modules: Modules = Modules()
    images: Images = Images()
    presets: dict[Name, Preset] = Field(default_factory=_shipped_presets)
    safety: Safety = Safety()
    notifications: Notifications = Notifications()
    reconcile: Reconcile = Reconcile()
    waivers: tuple[Waiver, ...] | None = Field(None, description="Warnings and policies that are accepted until a day.")
