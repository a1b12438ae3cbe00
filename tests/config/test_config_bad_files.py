"""Every mistake in a config root is told with its code, its place and the way out; nothing crashes or repeats a secret.

Each entry of the corpus changes the valid root of `config_root`. The mark § stands where the finding must point to; it
is taken out before the file is written. Without a mark the finding is about the file, at 1:1.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pytest
from config_root import FILES, TODAY, Content, Link, compile_root, edited, write_root
from hostile_files import BOMB, HOSTILE

from reconciler.config.compiler import compile_tree
from reconciler.config.tree import read_tree
from reconciler.diagnostics import CODES
from reconciler.operations.app import EXTENSIONS

PLATFORM, MODELS, SITE, ACCOUNT = "platform.yaml", "models.yaml", "sites/blog.yaml", "accounts/acme.yaml"
CSV, ARTICLE = "keywords/hiking.csv", "prompts/article.md"
SITE_HEADER = "apiVersion: igny8/v1\nkind: Site\naccount: acme\nurl: https://x.example\n"
NO_SITE: dict[str, Content] = {SITE: None}


@dataclass(frozen=True)
class Mistake:
    """One entry: what is changed, and the finding that must come of it. `beside` are codes that it rightly brings along."""

    title: str
    code: str
    says: str
    files: Mapping[str, Content]
    severity: str = "error"
    file: str = ""
    beside: tuple[str, ...] = ()

    def place(self) -> tuple[str, int, int]:
        """Return file, line and column of the mark, or the start of the named or first file."""
        for path, content in self.files.items():
            text = content if isinstance(content, str) else ""
            if "§" in text:
                before = text[: text.index("§")]
                return path, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        return self.file or next(iter(self.files)), 1, 1

    def unmarked(self) -> dict[str, Content]:
        """Return the changed files as they are written."""
        return {
            path: content.replace("§", "") if isinstance(content, str) else content
            for path, content in self.files.items()
        }  # fmt: skip


def wrong(
    title: str, code: str, says: str, files: Mapping[str, Content], severity: str = "error", *,
    file: str = "", beside: tuple[str, ...] = (),
) -> Mistake:  # fmt: skip
    return Mistake(title, code, says, files, severity, file, beside)


def added(path: str, text: str) -> dict[str, Content]:
    """Return one of the valid files with a text at its end."""
    return {path: FILES[path] + text}


def on_site(old: str, new: str) -> dict[str, Content]:
    return edited(SITE, old, new)


def on_model(name: str, line: str) -> dict[str, Content]:
    """Return the model catalogue with a line added to a model."""
    return edited(MODELS, f"  {name}:\n", f"  {name}:\n    {line}\n")


FILES_AND_FOLDERS = [
    wrong("a catalogue that is a folder", "IG101", "directory", {"models.yaml/notes.txt": "hello", MODELS: None},
          file=MODELS),
    wrong("a link to nothing", "IG101", "No such file", {"authors/bob.yaml": Link("nowhere.yaml")}),
    wrong("a link out of the root", "IG111", "leads out", {"authors/bob.yaml": Link("/etc/hosts")}),
    wrong("a link to a folder above", "IG111", "leads out", {"authors/bob.yaml": Link("../../../etc/hosts")}),
    wrong("a .yml ending", "IG106", "rename it to end in .yaml", {"sites/news.yml": SITE_HEADER}),
    wrong("notes among the accounts", "IG106", "accounts/ are NAME.yaml", {"accounts/notes.txt": "hello"}),
    wrong("a spreadsheet among the keywords", "IG106", "end in .csv", {"keywords/hiking.xlsx": "PK"}),
    wrong("a prompt in YAML", "IG106", "NAME.md", {"prompts/extra.yaml": "kind: Prompt"}),
    wrong("a site two folders deep", "IG106", "no file that igny8 knows", {"sites/acme/old/news.yaml": SITE_HEADER}),
    wrong("an account in a folder", "IG106", "no file that igny8 knows", {"accounts/eu/acme.yaml": FILES[ACCOUNT]}),
    wrong("an overlay of no known kind", "IG107", "write `kind: Environment`",
          {"environments/prod.yaml": "apiVersion: igny8/v1\nkind: §Overlay\n"}),
    wrong("notes among the environments", "IG106", "environments/ are NAME.yaml", {"environments/prod.txt": "hello"}),
    wrong("notes among the policies", "IG106", "policies/ are NAME.yaml", {"policies/notes.md": "hello"}),
    wrong("no Platform", "IG109", "write platform.yaml", {PLATFORM: None}),
    wrong("an empty Platform", "IG107", "is empty", {PLATFORM: ""}),
    wrong("a Platform of comments", "IG107", "is empty", {PLATFORM: "# soon\n"}),
    wrong("a list for a document", "IG107", "is no mapping", {PLATFORM: "- 1\n- 2\n"}),
    wrong("a Platform copied to another place", "IG107", "a Platform does not stand here",
          {"tiers.yaml": "apiVersion: igny8/v1\nkind: §Platform\n"}),
    wrong("a second Platform among the accounts", "IG107", "its place is platform.yaml",
          {"accounts/second.yaml": "apiVersion: igny8/v1\nkind: §Platform\ntier: growth\n"}),
    wrong("one site in two folders", "IG109", "declared in sites/acme/news.yaml already",
          {"sites/acme/news.yaml": SITE_HEADER + "publishing: {auto_publish: false}\n",
           "sites/news.yaml": SITE_HEADER + "publishing: {auto_publish: false}\n"}, file="sites/news.yaml"),
    wrong("no apiVersion", "IG107", "apiVersion is missing", {PLATFORM: "kind: Platform\n"}),
    wrong("another apiVersion", "IG107", "igny8/v2", {PLATFORM: "apiVersion: §igny8/v2\nkind: Platform\n"}),
    wrong("no kind", "IG107", "write `kind: Platform`", {PLATFORM: "apiVersion: igny8/v1\n"}),
    wrong("a misspelt kind", "IG107", "did you mean `Platform`?",
          {PLATFORM: "apiVersion: igny8/v1\nkind: §Platfrom\n"}),
    wrong("moved from a name that is declared", "IG133", "author/ann is declared",
          {"authors/bob.yaml": "apiVersion: igny8/v1\nkind: Author\ndisplay_name: Bob\nmoved: {from: §ann}\n"}),
    wrong("moved from its own name", "IG133", "from its own name",
          edited("authors/ann.yaml", "name: ann\n", "name: ann\nmoved: {from: §ann}\n")),
    wrong("two sites moved from one name", "IG133", "site/aaa has moved from site/old already",
          {SITE: None, "sites/news.yaml": SITE_HEADER + "publishing: {auto_publish: false}\nmoved: {from: §old}\n",
           "sites/aaa.yaml": SITE_HEADER + "publishing: {auto_publish: false}\nmoved: {from: [older, old]}\n"}),
    wrong("moved from no name", "IG108", "is not accepted",
          edited("authors/ann.yaml", "name: ann\n", "name: ann\nmoved: {from: §Old One}\n")),
    wrong("a name unlike the file's", "IG108", "differs from the file's name",
          edited("authors/ann.yaml", "name: ann\n", "name: §anna\n")),
    wrong("a file name with capitals", "IG108", "lower-case", {"authors/Bob.yaml":
          "apiVersion: igny8/v1\nkind: Author\ndisplay_name: Bob\n"}),
    wrong("a site in another account's folder", "IG108", "move the file to sites/acme/",
          {"sites/other/news.yaml": SITE_HEADER.replace("account: ", "account: §")
           + "publishing: {auto_publish: false}\n"}),
]  # fmt: skip

YAML_TEXT = [
    wrong("an unclosed list", "IG103", "expected", {PLATFORM: "apiVersion: igny8/v1\nkind: Platform\nx: [1, 2\n§"}),
    wrong("a tab for indentation", "IG103", "indent with spaces",
          {PLATFORM: "apiVersion: igny8/v1\nkind: Platform\ndefaults:\n§\tai: {}\n"}),
    wrong("an unquoted colon", "IG103", "quote text that holds a colon",
          {"authors/bob.yaml": "apiVersion: igny8/v1\nkind: Author\ndisplay_name: Bob§: the builder\n"}),
    wrong("a control character", "IG103", "control character", {PLATFORM: "kind: §\x01Platform\n"}),
    wrong("a control character after an umlaut", "IG103", "control character",
          {"authors/bob.yaml": "apiVersion: igny8/v1\nkind: Author\ndisplay_name: Jörg Ü §\x02\n"}),
    wrong("a key twice", "IG105", "credit_value_usd is written twice, first in line 3, column 1",
          added(PLATFORM, '§credit_value_usd: "0.02"\n')),
    wrong("a key twice, deep inside", "IG105", "models.painter.default is written twice, first in line 23, column 5",
          edited(MODELS, "    default: true\n  sketcher:", "    default: true\n    §default: false\n  sketcher:"),
          beside=("IG401",)),
    wrong("not UTF-8", "IG102", "save the file as UTF-8",
          {PLATFORM: b"apiVersion: igny8/v1\nkind: Platform\n# M\xfcnchen\n"}),
    wrong("a tag", "IG110", "tag", added(PLATFORM, "x: §!!python/object:os.system {}\n")),
    wrong("a tag of YAML itself", "IG110", "tag", edited(SITE, "per_run_limit: 1", "per_run_limit: §!!int 1")),
    wrong("an empty tag, which would make text a number", "IG110", "the tag ! ", edited(SITE, '"02:00"', '§! "5"')),
    wrong("a merge key", "IG110", "merge keys", added(PLATFORM, "base: &base {a: 1}\nmore:\n  §<<: *base\n")),
    wrong("a %YAML directive", "IG110", "directives", {PLATFORM: f"§%YAML 1.2\n---\n{FILES[PLATFORM]}"}),
    wrong("two documents", "IG110", "more than one document", added(PLATFORM, "§---\nkind: Platform\n")),
    wrong("a list for a key", "IG110", "a key is plain text", added(PLATFORM, "? §[a, b]\n: 1\n")),
    wrong("an integer beyond 64 bits", "IG110", "64 bits",
          edited(SITE, "per_run_limit: 1", "per_run_limit: §18446744073709551616")),
    wrong("an integer of 5000 digits", "IG110", "64 bits",
          edited(SITE, "per_run_limit: 1", f"per_run_limit: §{'9' * 5000}")),
    wrong(".nan", "IG110", ".nan", edited(PLATFORM, "temperature: 0.5", "temperature: §.nan")),
    wrong(".inf", "IG110", "-.inf", edited(PLATFORM, "temperature: 0.5", "temperature: §-.inf")),
    wrong("a number too large for a float", "IG110", "too large",
          edited(PLATFORM, "temperature: 0.5", "temperature: §1e999")),
    wrong("an alias bomb", "IG104", "aliases expand to over 10,000 nodes",
          {PLATFORM: BOMB}),
    wrong("an alias inside of its own anchor", "IG103", "*loop refers to no complete anchor",
          added(PLATFORM, "x: &loop [1, §*loop]\n")),
    wrong("an alias to nothing", "IG103", "*gone", added(PLATFORM, "x: §*gone\n")),
    wrong("40,000 brackets", "IG104", "64 levels", {PLATFORM: "x: " + "[" * 64 + "§" + "[" * 40_000}),
    wrong("70 nested mappings", "IG104", "64 levels",
          {PLATFORM: "".join(f"{' ' * depth}{'§' * (depth == 65)}a:\n" for depth in range(70))}),
    wrong("a file beyond 1 MiB", "IG104", "larger than 1 MiB", {PLATFORM: FILES[PLATFORM] + "#" * (1024 * 1024)}),
]  # fmt: skip

SHAPE = [
    wrong("an unknown key of a site", "IG201", "did you mean `timezone`?",
          on_site("timezone: Europe/Berlin", "§timezon: Europe/Berlin")),
    wrong("an unknown key, deep inside", "IG201", "did you mean `per_run_limit`?",
          on_site("    per_run_limit: 1", "    §per_run_limits: 1")),
    wrong("an unknown key far from any", "IG201", "known here: display_name, sectors",
          edited("industries.yaml", "  outdoors:\n", "  outdoors:\n    §zzz: 1\n")),
    wrong("an unknown key in a list", "IG201", "did you mean `reason`?",
          edited(ACCOUNT, "    credits: 100\n", "    credits: 100\n    §reasons: x\n")),
    wrong("a derived value written out", "IG201", "unknown key", on_site("publishing:\n", "publishing:\n  §capacity: 9\n")),
    wrong("text for a number", "IG202", "remove the quotes: 1", on_site("per_run_limit: 1", 'per_run_limit: §"1"')),
    wrong("a float for a whole number", "IG202", "not a whole number", on_site("per_run_limit: 1", "per_run_limit: §1.5")),
    wrong("a whole float for a whole number", "IG202", "not a whole number",
          on_site("per_run_limit: 1", "per_run_limit: §2.0")),
    wrong("a number for text", "IG202", 'quote it: "5"',
          edited("authors/ann.yaml", "display_name: Ann Example", "display_name: §5")),
    wrong("true for text", "IG202", "true is not text",
          edited("authors/ann.yaml", "display_name: Ann Example", "display_name: §true")),
    wrong("yes for a boolean", "IG202", "write true", on_site("enabled: true", "enabled: §yes")),
    wrong("off for a boolean", "IG202", "write false", on_site("enabled: true", "enabled: §off")),
    wrong("1 for a boolean", "IG202", "not true or false", on_site("enabled: true", "enabled: §1")),
    wrong("text for a list", "IG202", "write [boots]",
          on_site("keywords: [hiking boots, winter boots]", "keywords: §boots")),
    wrong("a list for a mapping", "IG202", "not a mapping", on_site("ai:\n  max_tokens: 4000\n", "ai: §[1]\n")),
    wrong("text for a mapping", "IG202", "not a mapping", on_site("publishing:\n  days: [mon, wed, fri]\n  "
          'time_slots: ["09:00", "14:00", "18:00"]\n', "publishing: §daily\n")),
    wrong("9:00 without quotes and zero", "IG203", 'write "09:00"', on_site('time: "02:00"', "time: §9:00")),
    wrong("a number for a time", "IG203", 'write "09:00"', on_site('time: "02:00"', "time: §9")),
    wrong("a quoted time without zero", "IG203", 'write "09:05"', on_site('time: "02:00"', 'time: §"9:5"')),
    wrong("25 o'clock", "IG203", "24-hour clock", on_site('time: "02:00"', 'time: §"25:00"')),
    wrong("a time with seconds", "IG203", "not HH:MM", on_site('time: "02:00"', 'time: §"09:00:00"')),
    wrong("a superscript time", "IG203", "24-hour clock", on_site('time: "02:00"', 'time: §"²:00"')),
    wrong("a time of 5000 digits", "IG203", "24-hour clock", on_site('time: "02:00"', f'time: §"{"9" * 5000}"')),
    wrong("the second slot wrong", "IG203", 'write "14:00"',
          on_site('["09:00", "14:00", "18:00"]', '["09:00", §14:0, "18:00"]')),
    wrong("a temperature above 2", "IG204", "2.5 is above 2",
          edited(PLATFORM, "temperature: 0.5", "temperature: §2.5")),
    wrong("a negative delay", "IG204", "-1 is below 0", added(SITE, "delays:\n  within_stage: §-1\n")),
    wrong("a budget above 100", "IG204", "101 is above 100",
          on_site("    per_run_limit: 1", "    per_run_limit: 1\n    budget_pct: §101")),
    wrong("an empty text", "IG204", "is empty", edited("authors/ann.yaml", "Ann Example", '§""')),
    wrong("no batch", "IG204", "0 is below 1",
          on_site("    per_run_limit: 1", "    per_run_limit: 1\n    batch_size: §0")),
    wrong("a frequency that there is not", "IG205", "did you mean `daily`?",
          on_site("  enabled: true\n", "  enabled: true\n  frequency: §dayly\n")),
    wrong("a weekday in full", "IG205", "did you mean `fri`?", on_site("[mon, wed, fri]", "[mon, wed, §frid]")),
    wrong("a publisher type that there is not", "IG205", "did you mean `wordpress`?",
          on_site("type: static\n  path: published/blog", "type: §wordpres")),
    wrong("a publisher without a type", "IG206", "publisher.type is missing",
          on_site("publisher:\n  type: static\n", "publisher:\n")
          | on_site("publisher:\n  type: static\n  path: published/blog\n", "publisher: §{path: published/blog}\n")),
    wrong("a site without an account", "IG206", "add `account:`", on_site("account: acme\n", "")),
    wrong("a publisher without its folder", "IG206", "add `path:`",
          on_site("publisher:\n  type: static\n  path: published/blog\n", "publisher: §{type: static}\n")),
    wrong("an amount that is a number", "IG207", "quoted decimal string",
          edited(PLATFORM, '"0.01"', "§0.01")),
    wrong("an amount with a currency", "IG207", 'write it like "0.00125"', edited(PLATFORM, '"0.01"', '§"$0.01"')),
    wrong("an amount of ten decimals", "IG207", 'write it like "0.00125"', edited(PLATFORM, '"0.01"', '§"0.0123456789"')),
    wrong("a negative amount", "IG207", "not negative", edited(PLATFORM, '"0.01"', '§"-0.01"')),
    wrong("a plain http address", "IG210", "https", on_site("https://blog.example", "§http://blog.example")),
    wrong("a timezone that there is not", "IG210", "did you mean `Europe/Berlin`?",
          on_site("Europe/Berlin", "§Europe/Berlino")),
    wrong("a language in words", "IG210", "pattern", on_site("language: en", "language: §english")),
    wrong("a reference of two kinds", "IG210", "{env: NAME}",
          edited("providers.yaml", "{env: SAMPLES_API_KEY}", "§{env: A, file: b}")),
    wrong("a sops file without a key", "IG210", "sops",
          edited("providers.yaml", "{env: SAMPLES_API_KEY}", "§{sops: secrets.yaml}")),
    wrong("a publishing folder above the root", "IG210", "stays inside",
          on_site("published/blog", "§../elsewhere")),
    wrong("a minimum above the maximum", "IG210", ") is larger than max (",
          edited("strategies/guides.yaml", "word_count:\n  min: 600", "word_count:\n  §min: 6000")
          | {"strategies/guides.yaml": FILES["strategies/guides.yaml"].replace(
              "word_count:\n  min: 600\n  max: 900", "word_count: §{min: 6000, max: 900}")}),
    wrong("a date that there is not", "IG210", "2026-12-01", on_model("drafter", 'shutdown_on: §"2026-02-30"')),
    wrong("a duration in words", "IG210", '"5m"', added(PLATFORM, "reconcile:\n  interval: §hourly\n")),
    wrong("a webhook without an address", "IG210", "needs `url`",
          added(PLATFORM, "notifications:\n  channels:\n    ops: §{type: webhook}\n")),
    wrong("a webhook with two addresses", "IG210", "not both",
          added(PLATFORM, "notifications:\n  channels:\n    ops: §{type: slack, url: https://x.example, secret_url: {env: X}}\n")),
    wrong("a webhook with people to write to", "IG210", "are of email channels",
          added(PLATFORM, "notifications:\n  channels:\n    ops: §{type: webhook, url: https://x.example, to: [a@x.example]}\n")),
    wrong("a signature for Slack", "IG210", "only a webhook",
          added(PLATFORM, "notifications:\n  channels:\n    ops: §{type: slack, url: https://x.example, secret: {env: X}}\n")),
    wrong("an e-mail channel without addresses", "IG210", "needs `to`",
          added(PLATFORM, "notifications:\n  channels:\n    ops: §{type: email, sender: a@x.example}\n")),
    wrong("an e-mail from nobody", "IG210", "needs `sender`",
          added(PLATFORM, "notifications:\n  channels:\n    ops: §{type: email, to: [a@x.example]}\n")),
    wrong("an e-mail channel with an address of the web", "IG210", "has no `url`",
          added(PLATFORM, "notifications:\n  channels:\n    ops: §{type: email, to: [a@x.example], sender: b@x.example, "
                "url: https://x.example}\n")),
    wrong("an e-mail channel with two ways out", "IG210", "not both",
          added(PLATFORM, "notifications:\n  channels:\n    ops: §{type: email, to: [a@x.example], sender: b@x.example, "
                "server: smtp://x.example, provider: samples}\n")),
    wrong("a password for a provider", "IG210", "the password of `server`",
          added(PLATFORM, "notifications:\n  channels:\n    ops: §{type: email, to: [a@x.example], sender: b@x.example, "
                "secret: {env: X}}\n")),
    wrong("a mail server of the web", "IG210", "not a mail server",
          added(PLATFORM, "notifications:\n  channels:\n    ops: {type: email, to: [a@x.example], sender: b@x.example, "
                "server: §https://x.example}\n")),
    wrong("a name with a space in a catalogue", "IG108", "lower-case",
          edited("tiers.yaml", "  free: {}", "  §free tier: {}")),
]  # fmt: skip

OPENAI, AWS = "sk-proj-CANARYCANARYCANARY1234", "AKIACANARYCANARY1234"
GHOST = f"{'ca' * 12}:{'0a' * 32}"
SECRETS = [
    wrong("an OpenAI key", "IG209", "write {env: NAME}",
          edited("providers.yaml", "{env: SAMPLES_API_KEY}", f"§{OPENAI}")),
    wrong("an AWS key in a description", "IG209", "revoke this one", added(SITE, f"description: §key {AWS}\n")),
    wrong("a Ghost key", "IG209", "write {env: NAME}",
          on_site("type: static\n  path: published/blog", f"type: ghost\n  admin_api_key: §{GHOST}")),
    wrong("a password of any shape", "IG209", "write {env: NAME}",
          on_site("type: static\n  path: published/blog",
                  "type: wordpress\n  username: ann\n  application_password: §canary")),
    wrong("a key in a prompt", "IG209", "revoke", {ARTICLE: FILES[ARTICLE] + f"§Use {OPENAI}.\n"}),
    wrong("a key for a setting that sites inherit", "IG209", "revoke",
          edited(ACCOUNT, "image_style: natural", f"image_style: §{OPENAI}")),
    wrong("a key for a kind", "IG209", "revoke",
          {"authors/bob.yaml": f"apiVersion: igny8/v1\nkind: §{OPENAI}\ndisplay_name: Bob\n"}),
    wrong("a key for a name", "IG209", "revoke", edited("authors/ann.yaml", "name: ann\n", f"name: §{OPENAI}\n")),
    wrong("a key for a key", "IG209", "revoke", added(SITE, f"§{OPENAI}: 1\n")),
    wrong("a key in a keyword list", "IG209", "revoke", {CSV: f"keyword,volume\nboots,1\n§{OPENAI},2\n"}),
    wrong("a key for a search volume", "IG209", "revoke", {CSV: f"keyword,volume\nboots,1\n§shoes,{OPENAI}\n"}),
    wrong("a key behind a legacy word", "IG209", "revoke", added(SITE, f"wp_api_key: §{OPENAI}\n"), beside=("IG208",)),
]  # fmt: skip

KEYWORD_LISTS = [
    wrong("no header", "IG112", "unknown column", {CSV: "hiking boots,900\n"}),
    wrong("another column", "IG112", "unknown column 'cpc'", {CSV: "keyword,cpc\nboots,1\n"}),
    wrong("no keyword column", "IG112", "no column `keyword`", {CSV: "volume\n900\n"}),
    wrong("an empty list", "IG112", "no column `keyword`", {CSV: ""}),
    wrong("a volume in words", "IG112", "volume 'many' is no whole number", {CSV: "keyword,volume\nboots,1\n§shoes,many\n"}),
    wrong("a negative volume", "IG112", "no whole number", {CSV: "keyword,volume\n§shoes,-1\n"}),
    wrong("a volume of 5000 digits", "IG112", "no whole number", {CSV: f"keyword,volume\n§shoes,{'9' * 5000}\n"}),
    wrong("an intent that there is not", "IG112", "informational", {CSV: "keyword,intent\n\n§shoes,buying\n"}),
    wrong("an empty keyword", "IG112", "keyword is empty", {CSV: "keyword,volume\n§,5\n"}),
    wrong("an open quote", "IG112", "not readable as CSV", {CSV: 'keyword\nboots\n§"shoes\n'}),
    wrong("a comma too many", "IG112", "more cells", {CSV: "keyword,volume\n§boots, black,100\n"}, ),
]  # fmt: skip

REFERENCES = [
    wrong("no such account", "IG301", "did you mean `acme`?", on_site("account: acme", "account: §acmee")),
    wrong("no such author", "IG301", "did you mean `ann`?", on_site("author: ann", "author: §anne")),
    wrong("no such strategy", "IG301", "did you mean `guides`?", on_site("strategy: guides", "strategy: §guide")),
    wrong("no such industry", "IG301", "did you mean `outdoors`?", on_site("industry: outdoors", "industry: §outdoor")),
    wrong("no such sector", "IG301", "did you mean `hiking`?", on_site("name: hiking", "name: §hikin")),
    wrong("no such keyword list", "IG301", "did you mean `keywords/hiking.csv`?",
          on_site("keywords_file: keywords/hiking.csv", "keywords_file: §keywords/hikes.csv")),
    wrong("no such preset", "IG301", "did you mean `brisk`?",
          on_site("  enabled: true\n", "  enabled: true\n  preset: §brisky\n")),
    wrong("a preset unlike any", "IG301", "aggressive, balanced, conservative",
          on_site("  enabled: true\n", "  enabled: true\n  preset: §zzz\n")
          | edited(PLATFORM, "presets:\n  brisk:\n    stages:\n      content:\n        per_run_limit: 2\n", "")),
    wrong("no such tier", "IG301", "did you mean `growth`?", edited(ACCOUNT, "tier: growth", "tier: §grown")),
    wrong("no tiers at all", "IG301", "write tiers.yaml",
          {"tiers.yaml": None} | edited(ACCOUNT, "tier: growth", "tier: §growth")),
    wrong("no models at all", "IG301", "write models.yaml", {MODELS: None}, file=SITE),
    wrong("no such provider", "IG301", "did you mean `samples`?",
          edited(MODELS, "    provider: samples\n    cost_per_image: \"0.05\"",
                 "    provider: §sample\n    cost_per_image: \"0.05\"")),
    wrong("no such successor", "IG301", "did you mean `writer`?", on_model("drafter", "replaced_by: §writr")),
    wrong("no such fallback", "IG301", "did you mean `painter`?", on_model("sketcher", "fallbacks: [§paintr]")),
    wrong("a fallback of another type", "IG302", "writer is a text model", on_model("sketcher", "fallbacks: [§writer]")),
    wrong("a preference for nothing", "IG301", "did you mean `writer`?",
          edited(ACCOUNT, "  image_style: natural\n", "  model_preferences: {text: §writr}\n")),
    wrong("a preference for Testing", "IG302", "drafter is the Testing model",
          edited(ACCOUNT, "  image_style: natural\n", "  model_preferences: {text: §drafter}\n")),
    wrong("a preference of another type", "IG302", "painter is a image model",
          edited(ACCOUNT, "  image_style: natural\n", "  model_preferences: {text: §painter}\n")),
    wrong("a preference for an inactive model", "IG302", "not active",
          on_site("  max_tokens: 4000\n", "  model_preferences: {text: §old}\n")
          | added(MODELS, "  old: {type: text, provider: samples, active: false}\n")),
    wrong("a payment method of another country", "IG302", "offered there: card, sepa",
          edited(ACCOUNT, "payment_method: sepa", "payment_method: §ideal")),
    wrong("a prompt for no function", "IG301", "did you mean `generate_content`?",
          edited(ARTICLE, "function: generate_content", "function: §generate_contents"), beside=("IG410",)),
    wrong("a grant twice", "IG109", "opening stands 2 times",
          edited(ACCOUNT, "grants:\n", "grants:\n  - {id: opening, credits: 5, reason: again}\n")
          | {ACCOUNT: FILES[ACCOUNT].replace(
              "    reason: first month\n", "    reason: first month\n  - §{id: opening, credits: 5, reason: more}\n")}),
    wrong("a user twice", "IG109", "ann@example.com stands 2 times",
          edited(ACCOUNT, "    role: owner\n", "    role: owner\n  - §{email: ann@example.com, role: viewer}\n")),
    wrong("a sector twice", "IG109", "the sector hiking stands twice",
          on_site("author: ann", "  - §{name: hiking}\nauthor: ann")),
]  # fmt: skip

RULES = [
    wrong("no Live model", "IG401", "no active text model is marked",
          edited(MODELS, "    tokens_per_credit: 1000\n    default: true\n", "    tokens_per_credit: 1000\n")
          | {MODELS: FILES[MODELS].replace("models:\n", "§models:\n").replace(
              "    tokens_per_credit: 1000\n    default: true\n", "    tokens_per_credit: 1000\n")}),
    wrong("two Live models", "IG401", "writer is the active default text model already",
          added(MODELS, "  zweiter:\n    type: text\n    provider: samples\n    cost_per_1k_input: \"0.001\"\n"
                '    cost_per_1k_output: "0.001"\n    tokens_per_credit: 1000\n    default: §true\n')),
    wrong("two Testing models", "IG401", "sketcher is the active testing image model already",
          added(MODELS, "  zweiter:\n    type: image\n    provider: samples\n    cost_per_image: \"0.001\"\n"
                "    credits_per_image: 1\n    testing: §true\n")),
    wrong("one model for both", "IG401", "writer is marked both", {MODELS: FILES[MODELS].replace(
        "    tokens_per_credit: 1000\n", "    tokens_per_credit: 1000\n    testing: §true\n").replace(
        "    tokens_per_credit: 10000\n    testing: true\n", "    tokens_per_credit: 10000\n")}),
    wrong("a stage without its Live model", "IG401", "no active image model",
          {MODELS: FILES[MODELS].replace("models:\n", "§models:\n").replace(
              "    credits_per_image: 8\n    default: true\n", "    credits_per_image: 8\n")}),
    wrong("an active model without its cost", "IG402", "writer is active but has no cost_per_1k_output",
          edited(MODELS, '  writer:\n    type: text\n    provider: samples\n    cost_per_1k_input: "0.00125"\n'
                 '    cost_per_1k_output: "0.01"\n',
                 '  §writer:\n    type: text\n    provider: samples\n    cost_per_1k_input: "0.00125"\n')),
    wrong("an active model without its credit rate", "IG402", "painter is active but has no credits_per_image",
          {MODELS: FILES[MODELS].replace("  painter:", "  §painter:").replace("    credits_per_image: 8\n", "")}),
    wrong("a rate of the other type", "IG402", "tokens_per_credit is not for image models",
          on_model("painter", "tokens_per_credit: §1000")),
    wrong("an image price on a text model", "IG402", "cost_per_image is for image models",
          on_model("writer", 'cost_per_image: §"0.01"')),
    wrong("an inactive provider", "IG402", "provider spare is not active",
          edited(MODELS, '    provider: samples\n    cost_per_image: "0.05"', '    provider: §spare\n    cost_per_image: "0.05"')
          | added("providers.yaml", "  spare: {type: ai, adapter: offline, active: false}\n")),
    wrong("a provider that is no AI", "IG402", "provider mail is no AI provider",
          edited(MODELS, '    provider: samples\n    cost_per_image: "0.05"', '    provider: §mail\n    cost_per_image: "0.05"')
          | added("providers.yaml", "  mail: {type: email, adapter: smtp}\n")),
    wrong("a model switched off today", "IG403", "move to drafter",
          on_model("writer", 'shutdown_on: §"2026-11-20"\n    replaced_by: drafter')),
    wrong("a model off in 60 days", "IG403", "is switched off on 2027-01-19",
          on_model("writer", 'shutdown_on: §"2027-01-19"'), "warning"),
    wrong("a deprecated model", "IG404", "deprecated since 2026-11-20",
          on_model("writer", 'deprecation_date: §"2026-11-20"'), "warning"),
    wrong("a model sold below its cost", "IG405", "costs $0.0600 and is sold for $0.0500",
          {MODELS: FILES[MODELS].replace("  painter:", "  §painter:").replace('"0.05"', '"0.06"').replace(
              "credits_per_image: 8", "credits_per_image: 5")}, "warning"),
    wrong("Testing as dear as Live", "IG405", "Testing sketcher is not cheaper than Live painter",
          {MODELS: FILES[MODELS].replace("  sketcher:", "  §sketcher:").replace('"0.004"', '"0.05"').replace(
              "credits_per_image: 1", "credits_per_image: 9")}, "warning"),
    wrong("AI settings on a tier without", "IG406", "the tier free does not allow",
          {ACCOUNT: FILES[ACCOUNT].replace("tier: growth", "tier: free").replace("ai:\n", "§ai:\n"),
           SITE: FILES[SITE].replace("ai:\n  max_tokens: 4000\n", "")}),
    wrong("AI settings of a site on a tier without", "IG406", "the tier free does not allow",
          {SITE: FILES[SITE].replace("ai:\n", "§ai:\n"),
           ACCOUNT: FILES[ACCOUNT].replace("tier: growth", "tier: free").replace("ai:\n  image_style: natural\n", "")}),
    wrong("budgets above 100", "IG407", "add up to 101 %: 15 + 10 + 41 + 5 + 30",
          {SITE: FILES[SITE].replace("stages:\n", "§stages:\n").replace(
              "    per_run_limit: 1\n", "    per_run_limit: 1\n    budget_pct: 41\n")}),
    wrong("auto_publish without a publisher", "IG408", "add a `publisher` block, or write `publishing: {auto_publish: false}`",
          on_site("publisher:\n  type: static\n  path: published/blog\n", "")
          | {SITE: FILES[SITE].replace("publisher:\n  type: static\n  path: published/blog\n", "").replace(
              "  days: [mon", "  auto_publish: §true\n  days: [mon")}),
    wrong("no days", "IG408", "publishing.days is empty", on_site("[mon, wed, fri]", "§[]")),
    wrong("no slots", "IG408", "publishing.time_slots is empty", on_site('["09:00", "14:00", "18:00"]', "§[]")),
    wrong("Testing where there is none", "IG409", "stage content asks for Testing",
          {SITE: FILES[SITE].replace("    per_run_limit: 1\n", "    per_run_limit: 1\n    model: §testing\n"),
           MODELS: FILES[MODELS].replace("    tokens_per_credit: 10000\n    testing: true\n",
                                         "    tokens_per_credit: 10000\n")}),
    wrong("a function without a prompt", "IG410", "write prompts/generate-content.md", {ARTICLE: None}, file="prompts"),
    wrong("two prompts for a function", "IG410", "article is the prompt of generate_content already",
          {"prompts/second.md": FILES[ARTICLE].replace("function: ", "function: §")}),
    wrong("more sites than the tier has", "IG411", "3 sites; the tier growth includes 2",
          edited(ACCOUNT, "tier: growth", "tier: §growth")
          | {f"sites/{name}.yaml": SITE_HEADER + "publishing: {auto_publish: false}\n" for name in ("two", "three")}),
    wrong("more keywords than the tier has", "IG411", "24 keywords; the tier growth includes 20",
          edited(ACCOUNT, "tier: growth", "tier: §growth")
          | {CSV: "keyword\n" + "".join(f"phrase {number}\n" for number in range(22))}),
    wrong("a stage that there is not", "IG412", "did you mean `content`?", on_site("stages:\n", "stages:\n  §contents: {}\n")),
    wrong("a model on a local stage", "IG412", "remove `model`", on_site("stages:\n", "stages:\n  tasks: {§model: live}\n")),
    wrong("a budget on the review", "IG412", "calls no AI", on_site("stages:\n", "stages:\n  review: {§budget_pct: 5}\n")),
    wrong("batches of the review", "IG412", "has no batches", on_site("stages:\n", "stages:\n  review: {§batch_size: 5}\n")),
    wrong("a stage of a preset that there is not", "IG412", "did you mean `content`?",
          edited(PLATFORM, "      content:\n", "      §contant:\n")),
    wrong("one folder for two sites", "IG413", "site blog publishes into published/blog already",
          {"sites/news.yaml": SITE_HEADER + "publisher: {type: static, path: §published/blog}\n"}),
    wrong("one folder for two sites, written differently", "IG413", "site blog publishes into published/blog already",
          {"sites/news.yaml": SITE_HEADER + "publisher: {type: static, path: §./published/blog/}\n"}),
    wrong("a copy at a shop, whose articles name no canonical address", "IG421", "cannot carry a canonical address",
          {"sites/news.yaml": SITE_HEADER + "publisher: {type: static, path: published/news}\nsyndication:\n"
           "  - {name: shop, url: https://s.example, publisher: {type: §shopify, shop: x.myshopify.com, blog: news,"
           " access_token: {env: TOKEN}}}\n"}),
    wrong("a copy in the site's own folder", "IG422", "publishes to published/news already",
          {"sites/news.yaml": SITE_HEADER + "publisher: {type: static, path: published/news}\nsyndication:\n"
           "  - {name: partner, url: https://p.example, publisher: {type: static, path: §published/news/}}\n"}),
    wrong("more approvals than slots", "IG501", "up to 14 approvals a week for 9 slots",
          {SITE: FILES[SITE].replace("    per_run_limit: 1\n", "    per_run_limit: 2\n").replace(
              "publishing:\n", "§publishing:\n")}, "warning"),
    wrong("fewer images than prompts", "IG502", "raise it to 15",
          on_site("stages:\n", "stages:\n  images: {per_run_limit: §14}\n"), "warning"),
    wrong("a limit that is no multiple", "IG503", "no multiple of batch_size 2",
          {SITE: FILES[SITE].replace("    per_run_limit: 1\n", "    per_run_limit: §1\n    batch_size: 2\n")}, "warning"),
]  # fmt: skip

PROMPTS = [
    wrong("no front matter", "IG107", "no front matter", {ARTICLE: "Write {{ idea.title }}.\n"}),
    wrong("front matter without an end", "IG107", "no front matter", {ARTICLE: "---\nkind: Prompt\n"}),
    wrong("an unknown key in the front matter", "IG201", "did you mean `variables`?",
          edited(ARTICLE, "variables: ", "§variable: ")),
    wrong("a variable that is not named", "IG211", "the template uses 'titel'",
          {ARTICLE: FILES[ARTICLE] + "§More: {{ titel }}\n"}),
    wrong("a variable that is not named, below a long front matter", "IG211", "the template uses 'titel'",
          {ARTICLE: FILES[ARTICLE].replace("\n---\nFor", "\ndescription: >-\n  one\n  two\n# three\n---\nFor")
           + "§More: {{ titel }}\n"}),
    wrong("a variable that the function does not offer", "IG211", "offers no variable 'clusters'",
          edited(ARTICLE, "[site, idea]", "[site, idea, §clusters]")),
    wrong("a template that does not parse", "IG211", "does not parse", {ARTICLE: FILES[ARTICLE] + "§{% if idea %}\n"}),
    wrong("a filter that there is not", "IG211", "does not parse", {ARTICLE: FILES[ARTICLE] + "§{{ idea | shout }}\n"}),
    wrong("the model type of another function", "IG211", "write text",
          edited(ARTICLE, "model_type: text", "model_type: §image")),
    wrong("the output of another function", "IG211", "write article", edited(ARTICLE, "output: article", "output: §ideas")),
]  # fmt: skip


def waiver(code: str = "IG501", **values: str) -> dict[str, Content]:
    """Return the Platform with one waiver; without a mark in its values the mark stands at its beginning."""
    given = {"resource": "site/*", "reason": "agreed", "owner": "ann", "expires": '"2027-06-30"'} | values
    mark = "" if any("§" in value for value in (code, *values.values())) else "§"
    lines = [f"  - {mark}code: {code}", *(f"    {key}: {value}" for key, value in given.items() if value)]
    return added(PLATFORM, "\n".join(["waivers:", *lines, ""]))


WAIVERS = [
    wrong("a waiver of nothing", "IG120", "no IG501 of site/* is there", waiver(), "warning"),
    wrong("a waiver that has expired", "IG121", "ask ann for a new day", waiver(expires='§"2026-11-19"')),
    wrong("a waiver that expires today", "IG122", "expires today", waiver(expires='§"2026-11-20"'), "warning",
          beside=("IG120",)),
    wrong("a waiver that expires in two weeks", "IG122", "expires in 14 days", waiver(expires='§"2026-12-04"'), "warning",
          beside=("IG120",)),
    wrong("a waiver of a code that there is not", "IG123", "there is no code IG999", waiver("§IG999")),
    wrong("a waiver of a waiver", "IG123", "cannot be waived", waiver("§IG122")),
    wrong("a waiver of a mistake", "IG123", "mend what it says",
          waiver("§IG407") | on_site("  content:\n", "  content:\n    budget_pct: 90\n"), beside=("IG407",)),
    wrong("a waiver without a reason", "IG206", "waivers[0].reason is missing", waiver(reason="")),
    wrong("a waiver without an owner", "IG206", "waivers[0].owner is missing", waiver(owner="")),
    wrong("a waiver without a last day", "IG206", "waivers[0].expires is missing", waiver(expires="")),
    wrong("a waiver until some day", "IG210", "not a date", waiver(expires='§"2026-11-31"')),
    wrong("a waiver of a word", "IG210", "the pattern is", waiver("§capacity")),
]  # fmt: skip

SLOTS = 'time_slots: ["09:00", "14:00", "18:00"]'
CROSS_RULES = [
    wrong("two keyword lists whose names differ in case", "IG130", "only in case",
          {"keywords/Hiking.csv": "keyword\nboots\n"}, file="keywords/hiking.csv"),
    wrong("a keyword twice", "IG131", "stands in line 2 already", {CSV: "keyword\nboots\n§Boots\n"}, "warning"),
    wrong("a slot without quotes", "IG212", 'write "14:00"',
          on_site(SLOTS, 'time_slots: ["09:00", §14:00, "18:00"]'), "warning"),
    wrong("a time without quotes", "IG212", 'write "02:00"', on_site('time: "02:00"', "time: §02:00"), "warning"),
    wrong("no for text", "IG213", 'write "no"', on_site("language: en", "language: §no"), "warning"),
    wrong("on for a keyword", "IG213", 'write "on"',
          on_site("[hiking boots, winter boots]", "[hiking boots, §on]"), "warning"),
    wrong("Yes in a description", "IG213", 'write "Yes"', added(SITE, "description: §Yes # or not\n"), "warning"),
    wrong("OFF for a label", "IG213", 'write "OFF"', added(SITE, "labels: {heat: §OFF}\n"), "warning"),
    wrong("an alias that is a model", "IG303", "sketcher means sketcher already",
          on_model("drafter", "aliases: [§sketcher]")),
    wrong("an alias of two models", "IG303", "pen means drafter already", {MODELS: FILES[MODELS].replace(
        "  writer:\n", "  writer:\n    aliases: [§pen]\n").replace("  drafter:\n", "  drafter:\n    aliases: [pen]\n")}),
    wrong("a model that is its own fallback", "IG304", "its own fallback", on_model("writer", "fallbacks: [§writer]")),
    wrong("a model replaced by itself", "IG304", "in a circle", on_model("writer", "replaced_by: §writer")),
    wrong("a legacy word for a stage", "IG208", "per_run_limit", on_site("stages:\n", "stages:\n  §max_items: {}\n")),
    wrong("a cached rate by its old name", "IG208", "cost_per_1k_input",
          on_model("writer", '§cost_per_1k_cached_input_tokens: "0.1"')),
    wrong("a slot twice", "IG414", "09:00 stands twice",
          on_site(SLOTS, 'time_slots: ["09:00", "18:00", §"09:00"]')),
    wrong("a day twice", "IG414", "mon stands twice", on_site("[mon, wed, fri]", "[mon, wed, fri, §mon]")),
    wrong("a price of no size", "IG415", "1024x1024/standard",
          {MODELS: FILES[MODELS].replace('cost_per_image: "0.05"', 'cost_per_image: {1024x1024/standard: "0.05", §large: "1"}')}),
    wrong("a price of no quality", "IG415", "1024x1024/standard",
          {MODELS: FILES[MODELS].replace('cost_per_image: "0.05"', 'cost_per_image: {§1024x1024/best: "0.05"}')}),
    wrong("an event that there is not", "IG416", "did you mean `publish_failed`?",
          added(PLATFORM, "notifications:\n  channels:\n    ops: {type: webhook, url: https://x.example, "
                "events: [drift_found, §publish_fail]}\n")),
    wrong("an e-mail channel with nothing to send with", "IG420", "no active email provider can send",
          added(PLATFORM, "notifications:\n  channels:\n    §ops: {type: email, to: [a@x.example], sender: b@x.example}\n")),
    wrong("an e-mail channel whose provider is none", "IG301", "there is no provider",
          added(PLATFORM, "notifications:\n  channels:\n    ops: {type: email, to: [a@x.example], sender: b@x.example, "
                "provider: §post}\n")),
    wrong("an e-mail channel whose provider draws", "IG302", "sends no e-mail",
          added(PLATFORM, "notifications:\n  channels:\n    ops: {type: email, to: [a@x.example], sender: b@x.example, "
                "provider: §samples}\n")),
    wrong("a mail adapter for AI", "IG417", "write `type: email`",
          added("providers.yaml", "  mail: {type: ai, adapter: §smtp}\n")),
    wrong("an AI adapter for payments", "IG417", "write `type: ai`",
          added("providers.yaml", "  till: {type: payment, adapter: §openai}\n")),
    wrong("switched off before it was released", "IG418", "is before release_date",
          on_model("drafter", 'release_date: "2028-01-02"\n    shutdown_on: §"2028-01-01"')),
    wrong("deprecated after it is switched off", "IG418", "is before deprecation_date",
          on_model("drafter", 'deprecation_date: "2028-01-02"\n    shutdown_on: §"2028-01-01"')),
    wrong("a grant that ends before it begins", "IG418", "the last day on which the credits can be used",
          edited(ACCOUNT, "    credits: 100\n", '    credits: 100\n    effective_on: "2027-01-02"\n    expires_on: §"2027-01-01"\n')),
    wrong("a payment method of nowhere", "IG419", "add `country:`",
          edited(ACCOUNT, "  country: DE\n  payment_method: sepa", "  payment_method: §sepa")),
    wrong("a slot at the start of its run", "IG504", "too late for the slot 02:00",
          on_site(SLOTS, 'time_slots: [§"02:00", "14:00", "18:00"]'), "warning"),
    wrong("a slot before its run is over", "IG504", "waits 720 s in all",
          {SITE: FILES[SITE].replace(SLOTS, 'time_slots: [§"02:10", "14:00", "18:00"]')
           + "delays: {within_stage: 0, between_stage: 120}\n"}, "warning"),
    wrong("a quality without a price", "IG505", "painter has no price for 1024x1024/hd",
          {MODELS: FILES[MODELS].replace('cost_per_image: "0.05"', 'cost_per_image: {1024x1024/standard: "0.05"}'),
           SITE: FILES[SITE].replace("    per_run_limit: 1\n", "    per_run_limit: 1\n  images: {model: live}\n")
           .replace("  max_tokens: 4000\n", "  image_size: §1024x1024\n  image_quality: hd\n")}, "warning"),
    wrong("an AI stage without a budget", "IG506", "content is on but may spend nothing",
          {SITE: FILES[SITE].replace("    per_run_limit: 1\n", "    per_run_limit: 1\n    budget_pct: §0\n")}, "warning"),
    wrong("a site that may spend more than its account", "IG507", "lower it to 50",
          {SITE: FILES[SITE] + "credits: {monthly_max: §60}\n",
           ACCOUNT: FILES[ACCOUNT] + "credits: {monthly_max: 50}\n"}, "warning"),
    wrong("a setting that the model does not take", "IG430", "temperature",
          {MODELS: FILES[MODELS].replace("  writer:\n", "  writer:\n    supports: {temperature: false}\n"),
           SITE: FILES[SITE].replace("  max_tokens: 4000\n", "  temperature: §0.2\n")}, "warning"),
    wrong("a fallback that is not active", "IG431", "the fallback old is not active",
          {MODELS: FILES[MODELS].replace("  writer:\n", "  writer:\n    fallbacks: [§old]\n")
           + "  old: {type: text, provider: samples, active: false}\n"}, "warning"),
    wrong("a template nested too deep", "IG211", "nested too deep",
          {ARTICLE: FILES[ARTICLE].replace("---\nFor", "---\n§{{ " + "(" * 20_000 + "\nFor")}),
    wrong("a template of 2,000 tags", "IG211", "over 1,000 tags",
          {ARTICLE: FILES[ARTICLE].replace("---\nFor", "---\n§" + "{{ site }}" * 2_000 + "\nFor")}),
    wrong("60,000 items", "IG104", "50,000 values", {PLATFORM: "x: [" + "a," * 49_998 + "§" + "a," * 10_000 + "a]\n"}),
    wrong("a control character in a keyword list", "IG112", r"\x1b[31m", {CSV: "keyword,volume\n§a,\x1b[31m\n"}),
    wrong("a file name that steers a terminal", "IG106", "cannot be shown",
          {"sites/a\x1b[31m.yaml": SITE_HEADER}, file=r"sites/a\x1b[31m.yaml"),
    wrong("a file name that is not UTF-8", "IG106", "cannot be shown",
          {"sites/a\udcff.yaml": SITE_HEADER}, file=r"sites/a\udcff.yaml"),
    wrong("a text that steers a terminal", "IG205", r"\x1b[31m",
          on_site("  enabled: true\n", '  enabled: true\n  frequency: §"\\e[31mdaily"\n')),
    wrong("a folder that is named like a file", "IG106", "no file that igny8 knows", {"accounts/eu.yaml/x.txt": "x"}),
    wrong("a link to itself", "IG101", "in a circle", {"authors/bob.yaml": Link("bob.yaml")}),
    wrong("a link to a folder of the root", "IG111", "not followed", {"sites/more.yaml": Link("../authors")}),
    wrong("a link to a pipe of the system", "IG111", "leads out", {"sites/more.yaml": Link("/dev/stdin")}),
]  # fmt: skip

POLICY = """\
apiVersion: igny8/v1
kind: Policy
name: house
match: {{kind: Site}}
rules:
  - name: one
    {}
    message: {}
    field: language
"""


def house(rule: str, message: str = "refused") -> dict[str, Content]:
    """Return a policy with one rule about sites."""
    return {"policies/house.yaml": POLICY.format(rule, message)}


POLICIES = [
    wrong("a violated policy", "IG601", "house/one: en it is",
          edited(SITE, "language: en", "language: §en") | house("deny: resource.language == 'en'", "'{resource.language} it is'")),
    wrong("a policy that warns", "IG602", "the rule stands in policies/house.yaml:7",
          edited(SITE, "language: en", "language: §en") | house("warn: resource.language == 'en'"), "warning"),
    wrong("an expression that ends too early", "IG603", "it ends too early", house("deny: resource.language ==§")),
    wrong("a field that there is not", "IG603", "did you mean `language`?", house("deny: resource.§langauge == 'en'")),
    wrong("a variable that there is not", "IG603", "there is no variable or function `site`", house("deny: §site.language == 'en'")),
    wrong("types that do not go together", "IG603", "'(string, int)'", house("deny: today §> 1")),
    wrong("an expression that is no question", "IG603", "not true or false", house("deny: §size(today)")),
    wrong("a field of a plan in a policy on resources", "IG603", "no variable `plan`", house("deny: §plan.total > 1")),
    wrong("a brace that is not closed", "IG603", "write {{ for a brace", house("deny: today == ''", "it is §{today")),
    wrong("an expression in a message", "IG603", "has no field `nme`", house("deny: today == ''", "it is {resource.§nme}")),
    wrong("a key that is not there", "IG604", "has(...)", house("deny: §resource.credits.monthly_max > 5")),
    wrong("steps without end", "IG605", "10,000 steps",
          house("deny: §resource.name.size() < 0 || [" + "1," * 200 + "1].all(x, [" + "1," * 200 + "1].all(y, x == y))")),
    wrong("two rules of one name", "IG607", "rename one of them",
          {"policies/house.yaml": POLICY.format("deny: 'false'", "x") + "  - {name: §one, warn: 'false', message: y}\n"}),
    wrong("a test of a rule that there is not", "IG607", "did you mean `one`?",
          {"policies/house.yaml": POLICY.format("deny: 'false'", "x") + "tests: [{name: t, resource: {}, expect: [§on]}]\n"}),
]  # fmt: skip

CORPUS = [
    *CROSS_RULES, *FILES_AND_FOLDERS, *YAML_TEXT, *SHAPE, *SECRETS, *KEYWORD_LISTS, *REFERENCES, *RULES, *PROMPTS, *WAIVERS,
    *POLICIES,
]  # fmt: skip
EXACT_PLACES = {"not UTF-8": (3, 4)}
NOT_REACHABLE: dict[str, str] = dict.fromkeys(
    ("IG115", "IG116", "IG117", "IG118"), "told in an environment: test_config_environments"
) | {"IG606": "the library is installed where tests run; test_policies leaves it away"}


def title_of(mistake: Mistake) -> str:
    return f"{mistake.code}-{mistake.title}"


@pytest.mark.parametrize("mistake", CORPUS, ids=title_of)
def test_a_mistake_is_told_once_with_its_code_its_place_and_the_way_out(mistake, tmp_path):
    found = compile_root(tmp_path, mistake.unmarked()).findings
    file, line, column = mistake.place()
    line, column = EXACT_PLACES.get(mistake.title, (line, column))
    about = [item for item in found if (item.code, item.file) == (mistake.code, file) and mistake.says in told(item)]
    assert [(item.mark.line, item.mark.column, item.severity) for item in about] == [
        (line, column, mistake.severity)
    ], found
    others = sorted(item.code for item in found if item not in about)
    assert others == sorted(mistake.beside), found


def told(item):
    return f"{item.message}\n{item.hint}"


def test_every_code_is_in_the_corpus():
    covered = {mistake.code for mistake in CORPUS} | {"IG132", "IG125", "IG435", "IG436"}  # tests of their own
    assert covered | set(NOT_REACHABLE) == {entry.code for entry in CODES}
    assert not covered & set(NOT_REACHABLE)


def test_titles_of_the_corpus_are_unique():
    assert len({title_of(mistake) for mistake in CORPUS}) == len(CORPUS)


LEGACY = [
    ("quality_tier", "testing: true"), ("model_tier", "default: true"), ("credit_percentage", "budget_pct"),
    ("use_testing", "model: testing"), ("scheduling_mode", "time_slots"), ("daily_publish_limit", "time_slots"),
    ("weekly_publish_limit", "time_slots"), ("monthly_publish_limit", "time_slots"),
    ("stagger_enabled", "time_slots"), ("stagger_interval_minutes", "time_slots"), ("queue_limit", "time_slots"),
    ("mobile_image_size", "image_size"), ("max_items", "per_run_limit"),
    ("input_token_rate", "cost_per_1k_input"), ("output_token_rate", "cost_per_1k_output"),
    ("input_cost_per_1m", "divide by 1000"), ("output_cost_per_1m", "divide by 1000"),
    ("cost_per_1k_input_tokens", "cost_per_1k_input"), ("cost_per_1k_output_tokens", "cost_per_1k_output"),
    ("default_text_model", "default: true"), ("default_image_model", "default: true"),
    ("default_image_service", "provider"), ("wp_url", "url"), ("wp_api_key", "publisher"),
    ("reference_id", "payment_ref"),
]  # fmt: skip
LEGACY_PLACES = {
    "a site": ("", added),
    "a stage": ("    ", lambda path, line: on_site("    per_run_limit: 1\n", f"    per_run_limit: 1\n{line}")),
    "a model": ("    ", lambda path, line: edited(MODELS, "  writer:\n", f"  writer:\n{line}")),
    "an account": ("", lambda path, line: added(ACCOUNT, line)),
}


@pytest.mark.parametrize("place", LEGACY_PLACES)
@pytest.mark.parametrize(("word", "replacement"), LEGACY)
def test_a_word_of_the_past_is_refused_with_its_replacement(word, replacement, place, tmp_path):
    indent, change = LEGACY_PLACES[place]
    files = change(SITE, f"{indent}{word}: 5\n")
    (path, text), *_ = files.items()
    line = text[: text.index(f"{word}: 5")].count("\n") + 1
    (finding,) = compile_root(tmp_path, files).findings
    assert (finding.code, finding.file, finding.mark.line) == ("IG208", path, line)
    assert (finding.mark.column, finding.mark.length) == (len(indent) + 1, len(word))
    assert replacement in finding.hint


@pytest.mark.parametrize("mistake", SECRETS, ids=title_of)
def test_a_secret_is_repeated_in_no_finding_and_in_no_resource(mistake, tmp_path):
    compilation = compile_root(tmp_path, mistake.unmarked())
    findings = json.dumps([item.to_json() for item in compilation.findings]).lower()
    data = json.dumps([item.data for item in compilation.resources]).lower()
    for secret in ("canary", GHOST):
        assert secret not in findings
        assert secret not in data


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({PLATFORM: f"x: *{OPENAI}\n"}, "IG103"),
        ({PLATFORM: f"x: !{OPENAI} 1\n"}, "IG110"),
        ({CSV: f"keyword,{OPENAI}\n"}, "IG112"),
    ],
)
def test_a_secret_in_text_that_cannot_be_read_is_masked(files, code, tmp_path):
    (finding,) = compile_root(tmp_path, files).findings
    assert finding.code == code
    assert "canary" not in json.dumps(finding.to_json()).lower()
    assert "***" in finding.message


def test_a_missing_root_is_one_finding(tmp_path):
    compilation = compile_tree(read_tree(tmp_path / "nowhere"), EXTENSIONS, TODAY)
    (finding,) = compilation.findings
    assert (finding.code, finding.file, finding.hint) == (
        "IG101", str(tmp_path / "nowhere"), "check the path given with -C",
    )  # fmt: skip
    assert compilation.resources == ()


def test_an_empty_folder_is_one_finding(tmp_path):
    (finding,) = compile_tree(read_tree(tmp_path), EXTENSIONS, TODAY).findings
    assert (finding.code, finding.severity) == ("IG101", "error")
    assert "platform.yaml" in finding.hint


def test_files_outside_of_the_known_folders_are_none_of_our_business(tmp_path):
    files = {"notes.yaml": "[", "src/main.py": "x", "sites/.draft.yaml": "[", "README.md": "hi"}
    assert compile_root(tmp_path, files).findings == ()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.timeout(60)  # a guard against hanging; benchmarks/hostile.py measures the second that is promised
def test_a_hostile_file_is_refused(text, tmp_path):
    root = write_root(tmp_path, {PLATFORM: text})
    compilation = compile_tree(read_tree(root), EXTENSIONS, TODAY)
    assert not compilation.is_valid
    assert max(len(item.message) for item in compilation.findings) <= 600
    assert len(compilation.findings) <= 102


def test_a_pipe_and_a_socket_are_refused_and_not_waited_for(tmp_path):
    root = write_root(tmp_path / "root")
    os.mkfifo(root / "sites/pipe.yaml")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "authors/socket.yaml"))
        found = compile_tree(read_tree(root), EXTENSIONS, TODAY).findings
    assert [(item.code, item.file) for item in found] == [
        ("IG101", "authors/socket.yaml"), ("IG101", "sites/pipe.yaml"),
    ]  # fmt: skip


def test_a_file_that_changes_after_it_was_listed_is_read_as_it_is_then(tmp_path):
    root = write_root(tmp_path / "root")
    file = root / SITE
    listed = next(item for item in read_tree(root).files if item.path == SITE)
    for text in (FILES[SITE] + "# longer\n", "short: 1\n", "", FILES[SITE]):
        file.write_text(text)
        assert listed.read() == text
    file.write_bytes(b"#" * (1024 * 1024 + 1))
    assert getattr(listed.read(), "code", "") == "IG104"
    for replace in (os.mkfifo, os.mkdir, lambda path: path.symlink_to(root / "sites/other.yaml")):
        file.unlink()
        replace(file)
        assert getattr(listed.read(), "code", "") == "IG101"
        if file.is_dir():
            file.rmdir()
            file.touch()


def test_of_many_mistakes_in_a_keyword_list_the_first_hundred_are_told(tmp_path):
    found = compile_root(tmp_path, {CSV: "keyword,volume\n" + "x,y\n" * 150_000}).findings
    assert [item.code for item in found] == ["IG112"] * 100 + ["IG132"]


def test_a_root_of_too_many_files_or_bytes_is_refused(tmp_path):
    root = write_root(tmp_path)
    (finding, *_) = [item for item in read_tree(root, files_max=5).findings if item.code == "IG104"]
    assert "too large" in finding.message
    for number in range(3):
        with (root / f"authors/big-{number}.yaml").open("wb") as file:
            file.truncate(200 * 1024 * 1024)  # a hole: it takes no room on the disk
    assert [item.code for item in read_tree(root).findings] == ["IG104"]


@pytest.mark.timeout(60)
def test_of_twenty_thousand_unknown_keys_the_first_hundred_are_told(tmp_path):
    text = FILES[PLATFORM] + "".join(f"key{number}: 1\n" for number in range(20_000))
    found = compile_root(tmp_path, {PLATFORM: text}).findings
    assert {item.code for item in found} == {"IG201", "IG132"}
    assert len(found) == 101


def test_all_mistakes_are_told_in_one_go_in_the_order_of_files_and_lines(tmp_path):
    files = {
        **on_site('time: "02:00"', "time: 9:00"),
        **edited(ACCOUNT, "tier: growth", "tier: grown"),
        **edited(PLATFORM, "temperature: 0.5", "temperature: 3"),
        "sites/broken.yaml": "x: [\n",
    }
    found = compile_root(tmp_path, files).findings
    assert [(item.file, item.code) for item in found] == [
        (ACCOUNT, "IG301"), (PLATFORM, "IG204"), (SITE, "IG203"), ("sites/broken.yaml", "IG103"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("today", "severities"),
    [
        (date(2026, 10, 1), []), (date(2026, 10, 2), ["warning"]), (date(2026, 11, 30), ["warning"]),
        (date(2026, 12, 1), ["error"]), (date(2027, 12, 1), ["error"]),
    ],
)  # fmt: skip
def test_a_shutdown_is_announced_for_60_days_and_then_refused(today, severities, tmp_path):
    found = compile_root(tmp_path, on_model("writer", 'shutdown_on: "2026-12-01"'), today).findings
    assert [item.severity for item in found] == severities


def test_an_inactive_model_may_be_incomplete_deprecated_and_switched_off(tmp_path):
    text = 'type: text, provider: samples, active: false, shutdown_on: "2020-01-01", deprecation_date: "2020-01-01"'
    assert compile_root(tmp_path, added(MODELS, f"  old: {{{text}}}\n")).findings == ()


@pytest.mark.parametrize("path", [PLATFORM, MODELS, "tiers.yaml", "providers.yaml", "industries.yaml", ACCOUNT, SITE])
@pytest.mark.parametrize("content", ["x: [\n", b"\xff\xfe", "- 1\n"], ids=["syntax", "encoding", "list"])
def test_an_unreadable_file_is_one_finding_and_brings_no_others_along(path, content, tmp_path):
    found = compile_root(tmp_path, {path: content}).findings
    assert [item.file for item in found] == [path], found


def test_a_bad_value_that_many_sites_inherit_is_one_mistake(tmp_path):
    files = {
        **edited(PLATFORM, "temperature: 0.5", "temperature: 9"),
        "sites/two.yaml": SITE_HEADER + "publishing: {auto_publish: false}\n",
    }
    (finding,) = compile_root(tmp_path, files).findings
    assert (finding.code, finding.file, finding.mark.line, finding.mark.column) == ("IG204", PLATFORM, 6, 18)
