"""Config roots of many sites: the repository's own catalogues, one account for 50 sites, about 1.4 kB a site."""

from __future__ import annotations

from pathlib import Path

SITES_AN_ACCOUNT = 50


def write_root(root: Path, sites: int) -> None:
    """Write a root of this many sites: the repository's own catalogues, one account for 50 sites."""
    own = Path(__file__).parent.parent
    for path in ("platform.yaml", "providers.yaml", "models.yaml", "industries.yaml", "tiers.yaml"):
        root.mkdir(parents=True, exist_ok=True)
        (root / path).write_text((own / path).read_text())
    for folder in ("prompts", "authors", "strategies"):
        (root / folder).mkdir()
        for file in (own / folder).iterdir():
            (root / folder / file.name).write_text(file.read_text())
    (root / "accounts").mkdir()
    for number in range(-(-sites // SITES_AN_ACCOUNT)):
        name = f"account-{number + 1:04}"
        (root / f"accounts/{name}.yaml").write_text(_ACCOUNT.format(name=name))
        (root / f"sites/{name}").mkdir(parents=True)
    for number in range(sites):
        account, name = f"account-{number // SITES_AN_ACCOUNT + 1:04}", f"site-{number + 1:05}"
        (root / f"sites/{account}/{name}.yaml").write_text(site_text(number, account, name))


def site_text(number: int, account: str, name: str) -> str:
    """Return the YAML of one site, about 1.4 kB, different from its neighbours as real ones are."""
    zones = ("Europe/Berlin", "America/Denver", "Asia/Tokyo", "UTC", "Australia/Sydney")
    words = ("hiking", "camping", "boots", "maps", "tents", "winter", "summer", "family", "budget", "light")
    keywords = "\n".join(
        f"      - {words[(number + step) % 10]} {words[(number * 7 + step * 3) % 10]} guide {number % 97} for {step + 1} days"
        for step in range(3)
    )
    return _SITE.format(
        name=name, account=account, number=number, timezone=zones[number % len(zones)], keywords=keywords,
        limit=3 if number % 3 else 4, images=15 if number % 500 else 12, minute=number % 60, team="americas" if number % 2 else "europe",
    )  # fmt: skip


_ACCOUNT = """\
# yaml-language-server: $schema=../schemas/account.schema.json
apiVersion: igny8/v1
kind: Account
name: {name}
display_name: Customer {name}
tier: scale
ai:
  image_style: natural
users:
  - email: owner@{name}.example
    role: owner
grants:
  - id: opening
    credits: 5000
    reason: opening balance
credits:
  monthly_max: 20000
"""
_SITE = """\
# yaml-language-server: $schema=../../schemas/site.schema.json
apiVersion: igny8/v1
kind: Site
name: {name}
account: {account}
display_name: Trails and Tents No. {number}
description: Guides for people who walk; two editors, one photographer.
url: https://{name}.example
language: en
timezone: {timezone}
industry: outdoor-recreation
labels:
  team: {team}
  content: guides

publisher:
  type: static
  path: published/{name}
  generator: hugo

# The long tail comes first: what big sites leave alone.
sectors:
  - name: hiking
    keywords:
{keywords}
  - name: camping
    keywords:
      - {{term: best tent for {number} people, volume: 720, intent: commercial}}

author: maya-lindqvist
strategy: trail-guides

# Runs begin at night, on the site's own clock, when nobody edits.
automation:
  enabled: true
  frequency: daily
  time: "03:{minute:02}"
  preset: balanced

# Long guides: more of the budget goes to the text, less to pictures. The limits
# fill the week's slots and no more.
stages:
  content:
    per_run_limit: {limit}
    budget_pct: 45
  images:
    per_run_limit: {images}
    budget_pct: 25

publishing:
  auto_approval: true
  auto_publish: true
  days: [mon, tue, wed, thu, fri, sat, sun]
  time_slots: ["07:00", "10:15", "12:00", "17:30"]
ai:
  temperature: 0.6
"""
