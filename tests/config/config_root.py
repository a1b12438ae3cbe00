"""A small valid config root as texts, for tests of the compiler: write it, change it by path, compile it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from reconciler.config.compilation import Compilation, Resource
from reconciler.config.compiler import compile_tree
from reconciler.config.tree import SourceFile, Tree, read_tree
from reconciler.kinds import KINDS
from reconciler.operations.app import EXTENSIONS

TODAY = date(2026, 11, 20)


@dataclass(frozen=True)
class Link:
    """A file that is a symbolic link."""

    target: str


Content = str | bytes | Link | None

FILES: dict[str, str] = {
    "platform.yaml": """\
apiVersion: igny8/v1
kind: Platform
credit_value_usd: "0.01"
defaults:
  ai:
    temperature: 0.5
presets:
  brisk:
    stages:
      content:
        per_run_limit: 2
""",
    "providers.yaml": """\
apiVersion: igny8/v1
kind: ProviderCatalog
providers:
  samples:
    type: ai
    adapter: offline
    credentials:
      api_key: {env: SAMPLES_API_KEY}
""",
    "models.yaml": """\
apiVersion: igny8/v1
kind: ModelCatalog
models:
  writer:
    type: text
    provider: samples
    cost_per_1k_input: "0.00125"
    cost_per_1k_output: "0.01"
    tokens_per_credit: 1000
    default: true
  drafter:
    type: text
    provider: samples
    cost_per_1k_input: "0.00015"
    cost_per_1k_output: "0.0006"
    tokens_per_credit: 10000
    testing: true
  painter:
    type: image
    provider: samples
    cost_per_image: "0.05"
    credits_per_image: 8
    default: true
  sketcher:
    type: image
    provider: samples
    cost_per_image: "0.004"
    credits_per_image: 1
    testing: true
""",
    "tiers.yaml": """\
apiVersion: igny8/v1
kind: TierCatalog
tiers:
  growth:
    paid: true
    ai_overrides_allowed: true
    limits:
      sites_max: 2
      keywords_max: 20
  free: {}
payment_methods:
  DE: [card, sepa]
""",
    "industries.yaml": """\
apiVersion: igny8/v1
kind: IndustryCatalog
industries:
  outdoors:
    sectors:
      hiking: {}
      camping: {}
""",
    "accounts/acme.yaml": """\
apiVersion: igny8/v1
kind: Account
name: acme
tier: growth
ai:
  image_style: natural
users:
  - email: ann@example.com
    role: owner
grants:
  - id: opening
    credits: 100
    reason: first month
billing:
  country: DE
  payment_method: sepa
""",
    "authors/ann.yaml": """\
apiVersion: igny8/v1
kind: Author
name: ann
display_name: Ann Example
""",
    "strategies/guides.yaml": """\
apiVersion: igny8/v1
kind: Strategy
name: guides
word_count:
  min: 600
  max: 900
""",
    "sites/blog.yaml": """\
apiVersion: igny8/v1
kind: Site
name: blog
account: acme
url: https://blog.example
language: en
timezone: Europe/Berlin
industry: outdoors
publisher:
  type: static
  path: published/blog
sectors:
  - name: hiking
    keywords: [hiking boots, winter boots]
    keywords_file: keywords/hiking.csv
author: ann
strategy: guides
automation:
  enabled: true
  time: "02:00"
stages:
  content:
    per_run_limit: 1
publishing:
  days: [mon, wed, fri]
  time_slots: ["09:00", "14:00", "18:00"]
ai:
  max_tokens: 4000
""",
    "keywords/hiking.csv": """\
keyword,volume,intent
trail shoes,900,commercial
how to read a map,,informational
""",
}

for _file, _function, _type, _variables, _output, _body in (
    ("cluster", "auto_cluster", "text", "keywords", "clusters", "{{ keywords | length }}"),
    ("ideas", "generate_ideas", "text", "cluster", "ideas", "{{ cluster.name }}"),
    ("article", "generate_content", "text", "idea", "article", "{{ idea.title }}"),
    ("pictures", "generate_image_prompts", "text", "article", "image_prompts", "{{ article.title }}"),
    ("drawing", "generate_images", "image", "image", "image", "{{ image.prompt }}"),
):
    FILES[f"prompts/{_file}.md"] = f"""\
---
apiVersion: igny8/v1
kind: Prompt
function: {_function}
model_type: {_type}
variables: [site, {_variables}]
output: {_output}
---
For {{{{ site.display_name }}}}:
{_body}
"""


def write_root(folder: Path, files: Mapping[str, Content] | None = None) -> Path:
    """Write the valid root with some files replaced, added, or left out (None)."""
    for path, content in {**FILES, **(files or {})}.items():
        if content is None:
            continue
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            target.symlink_to(content.target)
        else:
            target.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def edited(path: str, old: str, new: str) -> dict[str, Content]:
    """Return one of the valid files with a piece of its text replaced; the piece stands there once."""
    assert FILES[path].count(old) == 1, f"{path} has {FILES[path].count(old)} times {old!r}"
    return {path: FILES[path].replace(old, new)}


def compile_root(folder: Path, files: Mapping[str, Content] | None = None, today: date = TODAY) -> Compilation:
    """Write the root with changes and compile it."""
    return compile_tree(read_tree(write_root(folder, files)), EXTENSIONS, today)


def resource(compilation: Compilation, ref: str) -> Resource:
    """Return a resource by `kind/name`; the compilation must have no errors."""
    assert compilation.is_valid, compilation.findings
    return next(item for item in compilation.resources if item.ref == ref)


def compile_texts(files: Mapping[str, str]) -> Compilation:
    """Compile texts as if they were files, without a disk."""
    sources = []
    for path, text in sorted(files.items()):
        kind = next((item for item in KINDS if item.place.split("/")[0] == path.split("/")[0]), None)
        sources.append(SourceFile(path, kind, Path("root"), held=text))
    return compile_tree(Tree(Path("root"), tuple(sources), ()), EXTENSIONS, TODAY)
