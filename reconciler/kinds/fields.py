"""Field types that several kinds share, each with its JSON Schema and its own error where a general one is no help."""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from reconciler.clock import parse_duration_seconds
from reconciler.money import parse_usd


class Spec(BaseModel):
    """Base of everything that people write: strict, closed, frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
MODEL_NAME_PATTERN = r"^[a-z0-9][a-z0-9.:@-]{0,62}$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
ModelName = Annotated[str, StringConstraints(pattern=MODEL_NAME_PATTERN)]
Text = Annotated[str, StringConstraints(min_length=1)]
Percent = Annotated[int, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


def _check_usd(text: str) -> str:
    try:
        amount = parse_usd(text)
    except ValueError as error:
        raise PydanticCustomError("usd_format", "{reason}", {"reason": str(error)}) from error
    if amount < 0:
        raise PydanticCustomError("usd_format", "an amount is not negative", {})
    return text


def _refuse_number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise PydanticCustomError("usd_format", "an amount is a quoted decimal string", {})
    return value


Usd = Annotated[
    str,
    BeforeValidator(_refuse_number),
    AfterValidator(_check_usd),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d{1,9})?$", "examples": ["0.01"]}),
]

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def _check_time(value: Any) -> Any:
    if isinstance(value, str) and _TIME.fullmatch(value):
        return value
    raise PydanticCustomError("time_format", "not HH:MM", {})


LocalTime = Annotated[
    str,
    BeforeValidator(_check_time),
    WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "examples": ["09:00"]}),
]

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@cache
def timezones() -> frozenset[str]:
    """Return all IANA timezones; finding them walks a folder, so it is done once."""
    return frozenset(available_timezones())


def _check_timezone(value: str) -> str:
    if value not in timezones():
        raise PydanticCustomError("timezone", "not an IANA timezone such as Europe/Berlin", {})
    return value


Timezone = Annotated[
    str, AfterValidator(_check_timezone), WithJsonSchema({"type": "string", "examples": ["Europe/Berlin", "UTC"]})
]

LANGUAGE_PATTERN = r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?$"
Language = Annotated[str, StringConstraints(pattern=LANGUAGE_PATTERN)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
ImageSize = Annotated[str, StringConstraints(pattern=r"^[1-9]\d{1,4}x[1-9]\d{1,4}$")]


def _check_date(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise PydanticCustomError("date_format", "not a date such as 2026-12-01", {}) from error
    return text


Date = Annotated[
    str, AfterValidator(_check_date), WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-12-01"]})
]


def _check_duration(text: str) -> str:
    try:
        parse_duration_seconds(text)
    except ValueError as error:
        raise PydanticCustomError("duration", "{reason}", {"reason": str(error)}) from error
    return text


Duration = Annotated[
    str,
    AfterValidator(_check_duration),
    WithJsonSchema({"type": "string", "pattern": r"^\d+[smhd]$", "examples": ["60s"]}),
]


_URL = re.compile(r"https://[^\s/@]+(/\S*)?|http://(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?(/\S*)?")


def is_url(text: str) -> bool:
    """Tell whether a text is an https URL, or an http one on loopback."""
    return _URL.fullmatch(text) is not None


def _check_url(text: str) -> str:
    if is_url(text):
        return text
    raise PydanticCustomError("url", "not an https URL (plain http is accepted on loopback only)", {})


Url = Annotated[
    str,
    AfterValidator(_check_url),
    WithJsonSchema({"type": "string", "format": "uri", "examples": ["https://example.com"]}),
]


MAIL_SERVER_PATTERN = r"^smtps?://([^\s/@:]+@)?([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?$"


def is_mail_server(text: str) -> bool:
    """Tell whether a text is the address of a mail server, such as `smtp://user@mail.example.com:587`."""
    return re.fullmatch(MAIL_SERVER_PATTERN, text) is not None


def _check_mail_server(text: str) -> str:
    if is_mail_server(text):
        return text
    raise PydanticCustomError("url", "not a mail server such as smtp://user@mail.example.com:587", {})


def _check_endpoint(text: str) -> str:
    return text if is_mail_server(text) else _check_url(text)


_ENDPOINT_SCHEMA = {"type": "string", "format": "uri", "examples": ["https://example.com"]}
_MAIL_SCHEMA = {"type": "string", "pattern": MAIL_SERVER_PATTERN, "examples": ["smtp://igny8@mail.example.com:587"]}

# Where a provider answers: over HTTP, or as a mail server.
Endpoint = Annotated[str, AfterValidator(_check_endpoint), WithJsonSchema(_ENDPOINT_SCHEMA)]
MailServer = Annotated[str, AfterValidator(_check_mail_server), WithJsonSchema(_MAIL_SCHEMA)]


class SecretRef(Spec):
    """A reference to a secret, resolved at the moment of use: `{env: NAME}`, `{file: PATH}` or `{sops: PATH, key: NAME}`."""

    env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    file: Text | None = None
    sops: Text | None = None
    key: Text | None = None

    def model_post_init(self, _context: Any) -> None:
        chosen = [name for name in ("env", "file", "sops") if getattr(self, name) is not None]
        if len(chosen) != 1 or (self.sops is None) != (self.key is None):
            raise PydanticCustomError("secret_ref", "write {env: NAME}, {file: PATH} or {sops: PATH, key: NAME}", {})


class Moved(Spec):
    """Where a resource's content, ledger and history are to be taken over from: the name that it had before."""

    from_: Name | Annotated[tuple[Name, ...], Field(min_length=1)] = Field(alias="from")

    @property
    def names(self) -> tuple[str, ...]:
        """Return the former names, the latest first."""
        return (self.from_,) if isinstance(self.from_, str) else self.from_


class NamedSpec(Spec):
    """What every named resource may carry."""

    name: Name
    description: str = ""
    labels: dict[str, str] = Field(default_factory=dict, description="String to string; reports group by them.")
    protected: bool = Field(False, description="Its deletion is refused until an earlier apply has lifted it.")
    # An instruction to the next plan and no state, so that it is no part of the resolved form.
    moved: Moved | None = Field(None, exclude=True, description="The name that it had before.")


ImageStyle = Literal["photorealistic", "illustration", "vivid", "natural"]
ImageQuality = Literal["standard", "hd"]
Temperature = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]


class ModelPreferences(Spec):
    """Which model replaces the Live model of a type."""

    text: ModelName | None = None
    image: ModelName | None = None


class AiDefaults(Spec):
    """The AI settings of the platform, each with its default."""

    temperature: Temperature = 0.7
    max_tokens: Positive = 8192
    image_style: ImageStyle = "photorealistic"
    image_quality: ImageQuality = "standard"
    image_size: ImageSize = "1024x1024"
    max_in_article_images: Count = 2


class AiSettings(AiDefaults):
    """The AI settings in force for a site: platform, account and site folded together."""

    model_preferences: ModelPreferences = ModelPreferences()


class AiOverrides(Spec):
    """Any of the seven AI settings; what is left out falls back to the next scope."""

    temperature: Temperature | None = None
    max_tokens: Positive | None = None
    image_style: ImageStyle | None = None
    image_quality: ImageQuality | None = None
    image_size: ImageSize | None = None
    max_in_article_images: Count | None = None
    model_preferences: ModelPreferences | None = None
