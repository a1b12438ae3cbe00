"""Site: a place where articles are published, with its pipeline and its schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, StringConstraints

from reconciler.kinds.extensions import ModelChoice
from reconciler.kinds.fields import (
    AiSettings,
    Count,
    Date,
    Duration,
    Language,
    LocalTime,
    Name,
    NamedSpec,
    Percent,
    Positive,
    Spec,
    Text,
    Timezone,
    Url,
    Weekday,
)


class Keyword(Spec):
    """A search phrase. An unknown volume is not zero."""

    term: Text
    volume: Count | None = None
    intent: Literal["informational", "commercial", "transactional", "navigational"] | None = None


class SiteSector(Spec):
    """A field of topics with its keywords: written here, in a CSV file, or both."""

    name: Name
    keywords: tuple[Text | Keyword, ...] = ()
    keywords_file: Text | None = None


class Automation(Spec):
    """When scheduled runs are due, on the site's local clock."""

    enabled: bool = False
    frequency: Literal["hourly", "daily", "weekly"] = "daily"
    time: LocalTime = "02:00"
    weekday: Weekday = "mon"
    preset: Name | None = None


class StageSettings(Spec):
    """How a stage runs on this site."""

    enabled: bool = True
    batch_size: Positive | None = None
    per_run_limit: Count = Field(0, description="0 = all that is pending.")
    model: ModelChoice | None = Field(None, description="AI stages only.")
    budget_pct: Percent | None = Field(None, description="AI stages only.")


class Delays(Spec):
    """Seconds to wait between batches of a stage, and between stages."""

    within_stage: Count = 3
    between_stage: Count = 5


class IndexNow(Spec):
    """Search engines that are told of each new page. The key is no secret: it stands in a file at the site."""

    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{8,128}$")]
    key_location: Url | None = None
    endpoint: Url = "https://api.indexnow.org/indexnow"


class Blackout(Spec):
    """Days on which nothing goes out, on the site's calendar: one, or all from the first to the last."""

    starts_on: Date
    ends_on: Date | None = Field(None, description="The last day; left out, it is one day.")
    reason: Text | None = None


class Publishing(Spec):
    """When approved articles go out. Slots = days x time_slots in the site's timezone, without blackouts."""

    auto_approval: bool = True
    auto_publish: bool = True
    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")
    time_slots: tuple[LocalTime, ...] = ("09:00", "14:00", "18:00")
    indexnow: IndexNow | None = None
    # Without a default value, so that what was applied before they existed has the same digest.
    blackouts: tuple[Date | Blackout, ...] | None = Field(None, description="Days on which nothing goes out.")
    max_per_day: Positive | None = Field(None, description="The most articles of one day, whatever slots there are.")
    auto_approval_hold: Duration | None = Field(
        None, description="How long a person may still reject what the machine approves."
    )


class Syndication(Spec):
    """A further place that gets a copy of each article. The copy names the article's address at the site as canonical."""

    name: Name
    url: Url
    publisher: dict[str, JsonValue]
    delay: Duration | None = Field(None, description="How long after the article its copy goes out.")


class SiteCredits(Spec):
    """Limits on spending."""

    monthly_max: Positive | None = None


class Site(NamedSpec):
    """A site. In the resolved form `ai` and `stages` are complete and sectors hold all their keywords."""

    account: Name
    display_name: Text | None = None
    url: Url
    language: Language = "en"
    timezone: Timezone = "UTC"
    industry: Name | None = None
    publisher: dict[str, JsonValue] | None = None
    # Without a default value, so that what was applied before it existed has the same digest.
    syndication: tuple[Syndication, ...] | None = Field(None, description="Further places that get copies.")
    sectors: tuple[SiteSector, ...] = ()
    author: Name | None = None
    strategy: Name | None = None
    automation: Automation = Automation()
    stages: dict[str, StageSettings] = Field(default_factory=dict)
    delays: Delays = Delays()
    publishing: Publishing = Publishing()
    ai: AiSettings = AiSettings()
    credits: SiteCredits = SiteCredits()


def place_of(publisher: Mapping[str, Any], url: str) -> str:
    """Return what tells one place of articles from the next: what a remote id, or an image's, means something at."""
    place = publisher.get("path") or publisher.get("endpoint") or publisher.get("shop") or url
    return f"{publisher.get('type', '')} {place}"
