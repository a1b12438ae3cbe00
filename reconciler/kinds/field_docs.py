"""What every field means, with its unit and an example: read by editors, `igny8 explain` and the reference.

Apart from the specs, which every command imports: these texts are needed when somebody asks. A test holds the two
together. A unit is written where a number has one.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class FieldDoc(NamedTuple):
    """The meaning of a field, the unit of its number, and an example of what to write."""

    text: str
    unit: str = ""
    example: Any = None


_NAMED = {
    "name": FieldDoc("The file's own name; may be left out.", example="acme-blog"),
    "description": FieldDoc("A remark for people; nothing is done with it."),
    "labels": FieldDoc(
        "Text to text; reports group by them, environments and policies select by them.", example={"team": "emea"}
    ),
    "protected": FieldDoc("Its deletion is refused until an earlier apply has lifted it."),
    "moved": FieldDoc(
        "The name that it had before: content, ledger and history follow. Harmless once that is done.",
        example={"from": "old-blog"},
    ),
}
_AI = {
    "temperature": FieldDoc("How freely the model writes: 0 is the most even, 2 the most surprising.", example=0.7),
    "max_tokens": FieldDoc("The longest answer of one AI call.", "tokens", 8192),
    "image_style": FieldDoc("How images look.", example="photorealistic"),
    "image_quality": FieldDoc("How carefully images are drawn; hd costs more.", example="standard"),
    "image_size": FieldDoc("Width and height of images.", "pixels", "1024x1024"),
    "max_in_article_images": FieldDoc("Images in an article besides the featured one.", "images", 2),
}
_PREFERENCES = {
    "model_preferences": FieldDoc("The models used instead of the Live ones.", example={"text": "acme-large"})
}
_STAGE = {
    "enabled": FieldDoc("Whether the stage runs."),
    "batch_size": FieldDoc("How many items go into one AI call or step.", "items", 1),
    "per_run_limit": FieldDoc("The most items that one run takes on; 0 = all that is pending.", "items", 5),
    "model": FieldDoc("The Testing or the Live model of the stage's type; AI stages only.", example="live"),
    "budget_pct": FieldDoc(
        "The stage's share of the site's credits; AI stages only, at most 100 together.", "per cent", 40
    ),
}

FIELD_DOCS: dict[str, dict[str, FieldDoc]] = {
    "Moved": {
        "from": FieldDoc(
            "The name before, or a list of names, the latest first: the first that the database knows counts.",
            example="old-blog",
        )
    },
    "Platform": {
        "credit_value_usd": FieldDoc("What a customer pays for one credit.", "USD", "0.01"),
        "defaults": FieldDoc("What holds where neither account nor site says otherwise."),
        "modules": FieldDoc("Parts of the pipeline, each of which can be switched off for everybody."),
        "presets": FieldDoc("Stage settings under a name, for sites to choose with `automation.preset`."),
        "images": FieldDoc("How images are kept, whatever the provider sent."),
        "safety": FieldDoc("How much one plan may change before somebody says so explicitly."),
        "notifications": FieldDoc("Who is told about what."),
        "reconcile": FieldDoc("How the daemon behaves."),
        "waivers": FieldDoc("Warnings and policies that are accepted until a day."),
    },
    "Defaults": {"ai": FieldDoc("The AI settings of every account and site that has none of its own.")},
    "AiDefaults": _AI,
    "AiOverrides": _AI | _PREFERENCES,
    "AiSettings": _AI | _PREFERENCES,
    "ModelPreferences": {
        "text": FieldDoc("An active text model, not the Testing one."),
        "image": FieldDoc("An active image model, not the Testing one."),
    },
    "Modules": {
        "clustering": FieldDoc("Stage 1: keywords become clusters."),
        "ideas": FieldDoc("Stages 2 and 3: clusters become ideas and tasks."),
        "content": FieldDoc("Stages 4 and 7: tasks become reviewed articles."),
        "optimization": FieldDoc("Improving articles that exist."),
        "linking": FieldDoc("Links between articles of a site."),
        "images": FieldDoc("Stages 5 and 6: articles get images."),
        "publishing": FieldDoc("The scheduler: approved articles go out."),
    },
    "Images": {
        "image_format": FieldDoc("The format that images are kept in; original keeps the provider's.", example="webp"),
        "image_max_side": FieldDoc("The longest side; a longer image is made smaller.", "pixels", 4096),
        "image_compression_quality": FieldDoc("Of JPEG, WebP and AVIF, when an image is written anew.", "per cent", 85),
    },
    "Preset": {"stages": FieldDoc("Settings by stage; a site's own win over them.")},
    "StageOverrides": _STAGE,
    "StageSettings": _STAGE,
    "Safety": {
        "update_limit_pct": FieldDoc("The most that a plan may update of a kind without being forced.", "per cent", 30),
        "delete_limit_pct": FieldDoc("The most that a plan may delete of a kind without being forced.", "per cent", 30),
        "limit_floor": FieldDoc("Percentages apply to kinds with at least this many resources.", "resources", 10),
        "limits": FieldDoc("Absolute limits by kind, beside the percentages.", example={"site": {"deletes_max": 5}}),
        "articles_per_week_change_max": FieldDoc(
            "The most that a plan may change the articles of a week by, up or down, without being forced.", "articles", 50
        ),
        "articles_per_week_change_pct": FieldDoc("The same as a share of what they were.", "per cent", 50),
        "credits_per_month_change_max": FieldDoc(
            "The most that a plan may change the credits of 30 days by, up or down, without being forced.", "credits", 5000
        ),
        "credits_per_month_change_pct": FieldDoc("The same as a share of what they were.", "per cent", 25),
    },
    "KindLimits": {
        "creates_max": FieldDoc("The most resources that a plan may create without being forced.", "resources", 50),
        "updates_max": FieldDoc("The most resources that a plan may update without being forced.", "resources", 50),
        "deletes_max": FieldDoc("The most resources that a plan may delete without being forced.", "resources", 5),
    },
    "Notifications": {"channels": FieldDoc("Ways to tell people, by name.")},
    "Channel": {
        "type": FieldDoc("How the channel is spoken to.", example="slack"),
        "url": FieldDoc("Where a webhook or Slack-compatible message goes.", example="https://hooks.example/igny8"),
        "secret_url": FieldDoc(
            "A reference to that address, where it is a secret itself.", example={"env": "SLACK_WEBHOOK_URL"}
        ),
        "to": FieldDoc("Addresses of an email channel.", example=["ops@example.com"]),
        "sender": FieldDoc("The address that e-mails come from.", example="igny8@example.com"),
        "server": FieldDoc(
            "The mail server of an email channel: smtp:// with STARTTLS, smtps:// with TLS from the start.",
            example="smtp://igny8@mail.example.com:587",
        ),
        "provider": FieldDoc("The email provider of the catalogue that sends, where there are several.", example="resend"),
        "secret": FieldDoc(
            "A reference to what a webhook's messages are signed with, or to the password of `server`.",
            example={"env": "HOOK_SECRET"},
        ),
        "events": FieldDoc("Which events are told; empty = all.", example=["credits_low"]),
    },
    "Reconcile": {
        "interval": FieldDoc("How long the daemon rests between passes.", "duration", "60s"),
        "heal": FieldDoc("What becomes of drift: off leaves it, report tells it, enforce writes the config over it."),
        "sync_windows": FieldDoc("Weekly times in which changes may, or may not, be applied."),
    },
    "SyncWindow": {
        "action": FieldDoc("Whether applying is allowed or denied in the window."),
        "days": FieldDoc("The days on which it opens.", example=["mon", "fri"]),
        "start": FieldDoc("When it opens, on the window's clock.", "HH:MM", "08:00"),
        "end": FieldDoc("When it closes; before `start`, it closes the next day.", "HH:MM", "18:00"),
        "timezone": FieldDoc("The window's clock.", example="Europe/Berlin"),
    },
    "Waiver": {
        "code": FieldDoc("The finding's code.", example="IG502"),
        "resource": FieldDoc("Whose findings: `kind/name`, such as `site/*`; a catalogue is just its kind.", example="site/*"),
        "field": FieldDoc("Only findings about this field; `*` and `?` stand for any text.", example="stages.*"),
        "policy": FieldDoc("Of IG601 and IG602: only this rule, as POLICY/RULE; `*` and `?` stand for any text."),
        "reason": FieldDoc("Why the finding is accepted.", example="the launch week needs it"),
        "owner": FieldDoc("Who answers for it.", example="ann@example.com"),
        "expires": FieldDoc("The last day that it holds.", "date", "2026-12-31"),
    },
    "SecretRef": {
        "env": FieldDoc("The environment variable that holds the secret.", example="OPENAI_API_KEY"),
        "file": FieldDoc("The file that holds the secret and nothing else.", example="/run/secrets/openai"),
        "sops": FieldDoc("A file encrypted with SOPS; needs `key`.", example="secrets/prod.yaml"),
        "key": FieldDoc("Where the secret stands in the SOPS file.", example="openai.api_key"),
    },
    "ProviderCatalog": {"providers": FieldDoc("Accounts at providers, by name.")},
    "Provider": {
        "type": FieldDoc("What the provider is for.", example="ai"),
        "adapter": FieldDoc("The protocol that it is spoken to in.", example="openai"),
        "credentials": FieldDoc("References to its secrets, never the secrets themselves."),
        "endpoint": FieldDoc("The base URL, where it is not the provider's usual one; of an smtp adapter its server, `smtp://user@host:587`.", example="https://llm.example/v1"),
        "sandbox": FieldDoc("Whether this is the provider's sandbox: no money moves."),
        "active": FieldDoc("Whether it may be called; models of an inactive provider cannot be active."),
        "limits": FieldDoc("What we allow ourselves at the provider."),
    },
    "Credentials": {
        "api_key": FieldDoc("A reference to the API key.", example={"env": "OPENAI_API_KEY"}),
        "webhook_secret": FieldDoc("A reference to what the provider signs its webhooks with.", example={"env": "STRIPE_HOOK"}),
    },
    "Limits": {
        "requests_per_minute": FieldDoc("The most requests a minute, of all processes together.", "requests", 500),
        "tokens_per_minute": FieldDoc("The most tokens a minute, of all processes together.", "tokens", 200_000),
        "concurrency": FieldDoc("The most requests at the same time.", "requests", 8),
        "timeout_seconds": FieldDoc("How long one request may take.", "seconds", 120),
        "attempts_max": FieldDoc("How often one call is tried.", "attempts", 4),
    },
    "ModelCatalog": {"models": FieldDoc("Every AI model by the name that its provider knows it by.")},
    "Model": {
        "display_name": FieldDoc("What people see."),
        "type": FieldDoc("What the model makes.", example="text"),
        "provider": FieldDoc("Its entry in providers.yaml.", example="openai"),
        "cost_per_1k_input": FieldDoc("What we pay for a thousand input tokens.", "USD", "0.00125"),
        "cost_per_1k_output": FieldDoc("What we pay for a thousand output tokens.", "USD", "0.01"),
        "cost_per_1k_cached_input": FieldDoc("What we pay for a thousand input tokens read from a cache.", "USD", "0.000125"),
        "cost_per_1k_cache_write": FieldDoc("What we pay for a thousand input tokens written to a cache; as other input when left out.", "USD", "0.00375"),
        "cost_per_image": FieldDoc("What we pay for an image: one amount, or a map SIZE/QUALITY to amounts.", "USD", "0.04"),
        "tokens_per_credit": FieldDoc("How many tokens a customer gets for one credit; text and embedding models.", "tokens", 1000),
        "credits_per_image": FieldDoc("What a customer is charged for an image; image models.", "credits", 5),
        "max_input_tokens": FieldDoc("The longest input.", "tokens", 128_000),
        "max_output_tokens": FieldDoc("The longest answer.", "tokens", 16_384),
        "sizes": FieldDoc("The image sizes that it draws.", "pixels", ["1024x1024"]),
        "supports": FieldDoc("What the model can do beyond plain completion."),
        "active": FieldDoc("Whether it may be used."),
        "default": FieldDoc("Marks the Live model of its type; exactly one is."),
        "testing": FieldDoc("Marks the cheap Testing model of its type; at most one is."),
        "sort_order": FieldDoc("Its place in lists; smaller comes first.", "place", 10),
        "notes": FieldDoc("Where its prices come from, and since when."),
        "release_date": FieldDoc("The day of its release.", "date", "2026-01-15"),
        "deprecation_date": FieldDoc("The day from which the provider advises against it.", "date", "2026-09-01"),
        "shutdown_on": FieldDoc("The day on which the provider switches it off.", "date", "2026-12-01"),
        "replaced_by": FieldDoc("The model to move to, of the same type."),
        "fallbacks": FieldDoc("Models of the same type, tried in order when this one does not answer."),
        "aliases": FieldDoc("Other names that the provider answers with."),
    },
    "Supports": {
        "temperature": FieldDoc("Whether the model takes a temperature; where not, it is left out."),
        "json_mode": FieldDoc("Whether answers can be bound to a JSON schema."),
        "vision": FieldDoc("Whether it sees images."),
        "tools": FieldDoc("Whether it calls tools."),
    },
    "TierCatalog": {
        "tiers": FieldDoc("Commercial offers by name."),
        "credit_packages": FieldDoc("Credits that can be bought once, by name."),
        "payment_methods": FieldDoc("How people may pay, by ISO country.", example={"DE": ["card", "sepa"]}),
    },
    "Tier": {
        "display_name": FieldDoc("What people see."),
        "paid": FieldDoc("Whether it costs money."),
        "ai_overrides_allowed": FieldDoc("Whether its accounts and their sites may set `ai`."),
        "monthly_credits": FieldDoc("What an account gets each month.", "credits", 2500),
        "monthly_credits_expire": FieldDoc("Until when a month's credits can be used.", example="month_end"),
        "price_usd": FieldDoc("Its price a month.", "USD", "39.00"),
        "limits": FieldDoc("What the tier includes; left out = unlimited."),
    },
    "TierLimits": {
        "sites_max": FieldDoc("The most sites of an account.", "sites", 5),
        "keywords_max": FieldDoc("The most keywords of all its sites.", "keywords", 5000),
        "articles_per_month_max": FieldDoc("The most articles written in a month.", "articles", 150),
    },
    "CreditPackage": {
        "credits": FieldDoc("What is bought.", "credits", 2500),
        "price_usd": FieldDoc("What it costs.", "USD", "36.00"),
        "valid_days": FieldDoc("How long they can be used after the purchase; left out = for ever.", "days", 365),
    },
    "IndustryCatalog": {"industries": FieldDoc("Lines of business by name.")},
    "Industry": {
        "display_name": FieldDoc("What people see."),
        "sectors": FieldDoc("Fields of topics by name; a site's sectors are among its industry's."),
    },
    "Sector": {
        "display_name": FieldDoc("What people see."),
        "seed_keywords": FieldDoc("Phrases to begin with.", example=["hiking boots"]),
    },
    "Prompt": _NAMED | {
        "function": FieldDoc("The AI function that it is the prompt of; one prompt a function.", example="generate_content"),
        "model_type": FieldDoc("The type of model that answers it.", example="text"),
        "variables": FieldDoc("What the template uses, of what the function offers.", example=["site", "idea"]),
        "output": FieldDoc("The form of the answer that it asks for.", example="article"),
        "template": FieldDoc("The body below the front matter; not written as a key."),
    },
    "Author": _NAMED | {
        "display_name": FieldDoc("The byline.", example="Maya Lindqvist"),
        "bio": FieldDoc("Who this is, in a sentence or two."),
        "tone": FieldDoc("How the author sounds.", example="warm, precise"),
        "language": FieldDoc("The author's own language, as BCP 47.", example="en"),
        "expertise": FieldDoc("What the author knows about.", example=["long-distance hiking"]),
        "style_rules": FieldDoc("Rules of writing, each in a sentence.", example=["No exclamation marks."]),
    },
    "Strategy": _NAMED | {
        "display_name": FieldDoc("What people see."),
        "audience": FieldDoc("Whom the articles are for."),
        "goals": FieldDoc("What they are to achieve."),
        "structure": FieldDoc("How they are built, part by part."),
        "word_count": FieldDoc("How long they are."),
        "calls_to_action": FieldDoc("What readers are asked to do."),
        "words_to_avoid": FieldDoc("Words that do not appear."),
    },
    "WordCount": {
        "min": FieldDoc("The shortest article.", "words", 800),
        "max": FieldDoc("The longest article.", "words", 1600),
    },
    "Account": _NAMED | {
        "display_name": FieldDoc("The customer's name.", example="Acme Ltd"),
        "tier": FieldDoc("Its entry in tiers.yaml.", example="growth"),
        "status": FieldDoc("Whether its sites run; suspended stops runs and publishing."),
        "ai": FieldDoc("Any of the seven AI settings, for all of its sites."),
        "modules": FieldDoc("What the account uses of the pipeline."),
        "settings": FieldDoc("Settings by namespace."),
        "users": FieldDoc("Who may do what."),
        "grants": FieldDoc("Credits given once each, by id."),
        "credits": FieldDoc("Limits on spending."),
        "billing": FieldDoc("How the account pays."),
    },
    "AccountModules": {
        "planner": FieldDoc("Stages 1 to 3: keywords, clusters, ideas and tasks."),
        "writer": FieldDoc("Stages 4 to 7: articles, images and review."),
        "automation": FieldDoc("Scheduled runs."),
        "thinker": FieldDoc("Prompts, authors and strategies as context of AI calls."),
    },
    "AccountSettings": {
        "logs": FieldDoc("What is kept of calls to AI providers."),
        "reports": FieldDoc("How reports for the account are made."),
    },
    "LogSettings": {
        "keep_prompts": FieldDoc("Whether prompts and answers are kept in the task log."),
        "retention_days": FieldDoc("How long they are kept.", "days", 30),
    },
    "ReportSettings": {"recipients": FieldDoc("Who gets the account's reports.", example=["boss@example.com"])},
    "User": {
        "email": FieldDoc("The person's address, which is who they are.", example="ann@example.com"),
        "role": FieldDoc("What they may do; each role may all that the ones below it may.", example="editor"),
        "settings": FieldDoc("Personal settings; they never touch AI, credits or publishing."),
    },
    "UserSettings": {
        "table_settings": FieldDoc("How the person likes tables."),
        "user_preferences": FieldDoc("How the person likes the dashboard."),
    },
    "TableSettings": {
        "records_per_page": FieldDoc("Rows on a page.", "rows", 25),
        "default_sort": FieldDoc("The column that tables are sorted by.", example="name"),
        "sort_direction": FieldDoc("Which way."),
    },
    "UserPreferences": {
        "theme": FieldDoc("Light, dark, or as the system says."),
        "language": FieldDoc("The language of the dashboard, as BCP 47.", example="en"),
        "notifications": FieldDoc("Whether the person is told about events."),
    },
    "Grant": {
        "id": FieldDoc("What makes it once; never used again.", example="opening-2026-11"),
        "credits": FieldDoc("What is given.", "credits", 500),
        "reason": FieldDoc("Why; it stands in the ledger.", example="opening balance"),
        "priority": FieldDoc("Its turn among the account's credits: lower is used first; left out = 50.", "turn", 10),
        "effective_on": FieldDoc("The day in UTC from which it counts; left out = at once.", example="2026-12-01"),
        "expires_on": FieldDoc("The last day in UTC on which it counts; left out = it never expires.", example="2027-03-31"),
    },
    "AccountCredits": {
        "monthly_max": FieldDoc("The most that its sites spend in a month; left out = what is available.", "credits", 20_000),
        "warn_at_pct": FieldDoc("When to warn that credits run low: this much is spent.", "per cent", 80),
    },
    "Billing": {
        "country": FieldDoc("Where the account pays, as ISO 3166.", example="DE"),
        "payment_method": FieldDoc("One that tiers.yaml offers in the country.", example="sepa"),
    },
    "Site": _NAMED | {
        "account": FieldDoc("The account that pays, by name.", example="acme"),
        "display_name": FieldDoc("What people see.", example="Acme Blog"),
        "url": FieldDoc("Where readers find it; https, or http on loopback.", example="https://blog.example"),
        "language": FieldDoc("The language of its articles, as BCP 47.", example="en"),
        "timezone": FieldDoc("The clock of its runs and slots, an IANA name.", example="Europe/Berlin"),
        "industry": FieldDoc("Its entry in industries.yaml.", example="outdoor-recreation"),
        "publisher": FieldDoc("Where articles go, by type.", example={"type": "static", "path": "published/blog"}),
        "syndication": FieldDoc("Further places that get a copy of each article, once it is public at the site itself."),
        "sectors": FieldDoc("The fields of topics that it writes about, with their keywords."),
        "author": FieldDoc("Whose voice it has, by name.", example="maya-lindqvist"),
        "strategy": FieldDoc("What its articles aim at, by name.", example="trail-guides"),
        "automation": FieldDoc("When scheduled runs are due, on the site's clock."),
        "stages": FieldDoc("Settings by stage; what is left out falls back to the preset, then to the defaults."),
        "delays": FieldDoc("Pauses within a run."),
        "publishing": FieldDoc("When approved articles go out: slots = days x time_slots."),
        "ai": FieldDoc("Any of the seven AI settings."),
        "credits": FieldDoc("Limits on spending."),
    },
    "SiteSector": {
        "name": FieldDoc("One of its industry's sectors.", example="hiking"),
        "keywords": FieldDoc("Search phrases, each as text or with volume and intent.", example=["hiking boots"]),
        "keywords_file": FieldDoc("A CSV with the columns keyword, volume, intent.", example="keywords/hiking.csv"),
    },
    "Keyword": {
        "term": FieldDoc("The search phrase.", example="hiking boots"),
        "volume": FieldDoc("How often it is searched for; unknown is not zero.", "searches a month", 900),
        "intent": FieldDoc("What the searcher wants.", example="commercial"),
    },
    "Automation": {
        "enabled": FieldDoc("Whether the site runs by itself."),
        "frequency": FieldDoc("How often."),
        "time": FieldDoc("When, on the site's clock; of hourly runs only the minute counts.", "HH:MM", "02:00"),
        "weekday": FieldDoc("On which day, of weekly runs."),
        "preset": FieldDoc("Stage settings of the platform, by name.", example="balanced"),
    },
    "Delays": {
        "within_stage": FieldDoc("The pause between batches of a stage.", "seconds", 3),
        "between_stage": FieldDoc("The pause between stages.", "seconds", 5),
    },
    "Publishing": {
        "auto_approval": FieldDoc("Whether articles are approved without a person."),
        "auto_publish": FieldDoc("Whether approved articles take the next free slot by themselves."),
        "days": FieldDoc("The days with slots.", example=["mon", "wed", "fri"]),
        "time_slots": FieldDoc("The times of slots on each of these days, on the site's clock.", "HH:MM", ["09:00", "14:00"]),
        "indexnow": FieldDoc("Search engines hear of each article that went out; left out = they find it themselves."),
        "blackouts": FieldDoc(
            "Days without slots, on the site's calendar: dates, or mappings with starts_on, ends_on and reason.",
            example=["2026-12-25", {"starts_on": "2026-12-31", "ends_on": "2027-01-01", "reason": "New Year"}],
        ),
        "max_per_day": FieldDoc("The most articles of one day, whatever slots it has.", "articles", 2),
        "auto_approval_hold": FieldDoc(
            "How long a person may still reject an article before the machine's approval takes effect.", example="24h"
        ),
    },
    "IndexNow": {
        "key": FieldDoc("What the key file at the site holds: 8 to 128 letters, digits and dashes. It is no secret.", example="northbeam-harbour-notes"),
        "key_location": FieldDoc("Where the key file is, if it is not URL/KEY.txt.", example="https://blog.example/indexnow.txt"),
        "endpoint": FieldDoc("Who is told; they tell each other.", example="https://www.bing.com/indexnow"),
    },
    "Blackout": {
        "starts_on": FieldDoc("The first day without slots.", example="2026-12-24"),
        "ends_on": FieldDoc("The last one; left out, it is only the first.", example="2026-12-26"),
        "reason": FieldDoc("Why; shown in the calendar and where an article moves.", example="Christmas"),
    },
    "Syndication": {
        "name": FieldDoc("What commands and reports call the place.", example="partner"),
        "url": FieldDoc("Where readers find the copies; https, or http on loopback.", example="https://partner.example"),
        "publisher": FieldDoc("Where the copies go, by type; one that can carry a canonical address.", example={"type": "static", "path": "published/partner"}),
        "delay": FieldDoc("How long after the article its copy goes out; left out = in the same pass.", example="2d"),
    },
    "SiteCredits": {"monthly_max": FieldDoc("The most that the site spends in a month.", "credits", 1000)},
    "Environment": {
        "name": FieldDoc("The file's own name; may be left out.", example="staging"),
        "description": FieldDoc("A remark for people; nothing is done with it."),
        "patches": FieldDoc("In order: where two set the same field, the later wins."),
    },
    "Patch": {
        "kind": FieldDoc("The kind of the resources.", example="Site"),
        "name": FieldDoc("Only resources whose name fits, or fits one of a list; `*` and `?` stand for any text.", example="acme-*"),
        "labels": FieldDoc("Only resources whose file has all of these labels; `*` and `?` as in names.", example={"team": "emea"}),
        "set": FieldDoc("Keys and values as in the resource's own file. Mappings are merged, lists and values replaced."),
        "remove": FieldDoc("Fields to take away, written as `igny8 explain` shows them.", example=["stages.images.model"]),
        "leave_out": FieldDoc("The resources do not exist in this environment."),
    },
    "Policy": {
        "name": FieldDoc("The file's own name; may be left out.", example="spending"),
        "description": FieldDoc("A remark for people; nothing is done with it."),
        "on": FieldDoc("resource: each resolved resource, at validate. change: each change of a plan. plan: each plan."),
        "match": FieldDoc("Which resources or changes are looked at."),
        "rules": FieldDoc("What is forbidden or advised against."),
        "tests": FieldDoc("Examples that `igny8 policy test` tries."),
    },
    "PolicyMatch": {
        "kind": FieldDoc("Required where `on` is resource.", example="Site"),
        "name": FieldDoc("Only resources whose name fits, or fits one of a list; `*` and `?` stand for any text.", example="acme-*"),
        "labels": FieldDoc("Only resources with all of these labels; `*` and `?` as in names.", example={"environment": "production"}),
    },
    "PolicyRule": {
        "name": FieldDoc("Unique in the policy. A waiver names the rule as POLICY/RULE.", example="image-budget"),
        "deny": FieldDoc("A CEL expression; where it is true, the finding is an error."),
        "warn": FieldDoc("A CEL expression; where it is true, the finding is a warning."),
        "message": FieldDoc("What is wrong. `{EXPRESSION}` stands for the value of a CEL expression, `{{` for a brace."),
        "hint": FieldDoc("What to do about it."),
        "field": FieldDoc("The resource's field that the finding points at.", example="stages.images.budget_pct"),
    },
    "PolicyTest": {
        "name": FieldDoc("What the example shows."),
        "resource": FieldDoc("Fields of a resource of the policy's kind."),
        "account": FieldDoc("Fields of the site's account."),
        "change": FieldDoc("One change: action, kind, name, before, after."),
        "plan": FieldDoc("`changes`, and `before` and `after` with articles, credits and cost_usd."),
        "models": FieldDoc("Models by name."),
        "platform": FieldDoc("Fields of the platform."),
        "today": FieldDoc("The day that `today` stands for.", "date", "2026-01-01"),
        "expect": FieldDoc("The rules that find something; none: all is well."),
    },
    "StaticSettings": {
        "path": FieldDoc("The folder that files are written into, from the config root.", example="published/blog"),
        "generator": FieldDoc("The static site generator whose form the files have.", example="hugo"),
        "articles": FieldDoc(
            "The folder of articles, from `path`.", "the generator's own, as `content/posts`", "src/blog"
        ),
        "permalink": FieldDoc("Where the site serves an article.", "`/posts/{slug}/`", "/blog/{slug}/"),
        "git": FieldDoc("Commit articles to a git repository; without it they are files only."),
        "git_token": FieldDoc("A reference to a token for a remote over https.", example={"env": "GIT_TOKEN"}),
        "build": FieldDoc("Build the site before an article counts as published; without it nothing is built."),
    },
    "GitSettings": {
        "remote": FieldDoc(
            "The name of a remote of the work tree that `path` lies in; or an address, which is cloned into `path`.",
            example="git@git.example:acme/blog.git",
        ),
        "branch": FieldDoc("The branch that gets the commits.", "the one checked out, or the remote's own", "main"),
        "push": FieldDoc("Push each commit; else it stays in the work tree."),
        "author": FieldDoc("Who commits.", example="Acme Robot <robot@acme.example>"),
        "timeout": FieldDoc("How long one git command may take.", example="2m"),
    },
    "BuildSettings": {
        "command": FieldDoc("A program and its arguments, run in `path` without a shell.", example=["hugo"]),
        "timeout": FieldDoc("How long it may take.", example="5m"),
        "output": FieldDoc("Where it builds to, from `path`.", "the generator's own, as `public`", "dist"),
    },
    "WordPressSettings": {
        "username": FieldDoc("Who publishes.", example="igny8"),
        "application_password": FieldDoc("A reference to the user's application password.", example={"env": "WP_PASSWORD"}),
        "categories": FieldDoc("Names of categories that every article gets; those that the site lacks are made.", example=["Guides"]),
        "category_per_sector": FieldDoc("Whether an article also gets a category with the name of its sector."),
        "author": FieldDoc("The WordPress user who is shown as the author; left out = the one with the name of ours.", example="maya"),
    },
    "GhostSettings": {
        "admin_api_key": FieldDoc("A reference to the Admin API key of a custom integration.", example={"env": "GHOST_KEY"}),
        "admin_url": FieldDoc("Where Ghost's admin is, if not at the site's URL.", example="https://acme.ghost.io"),
        "tags": FieldDoc("Tags that every article gets, before its own; the first is Ghost's primary tag.", example=["Guides"]),
        "authors": FieldDoc("By author of ours, the slug of a staff user in Ghost.", example={"maya-lindqvist": "maya"}),
        "newsletter": FieldDoc("The slug of a newsletter that each article is e-mailed to; left out = no e-mail ever.", example="weekly"),
    },
    "ShopifySettings": {
        "shop": FieldDoc("The shop's myshopify.com host.", example="acme.myshopify.com"),
        "blog": FieldDoc("The handle of the blog.", example="news"),
        "access_token": FieldDoc("A reference to an Admin API access token.", example={"env": "SHOPIFY_TOKEN"}),
    },
    "WebhookSettings": {
        "endpoint": FieldDoc("Where each article is posted.", example="https://cms.example/articles"),
        "secret": FieldDoc("A reference to what requests are signed with: base64 behind whsec_.", example={"env": "WEBHOOK_SECRET"}),
        "images": FieldDoc("Whether messages hold the images as base64, or only tell of them.", example="omit"),
    },
}  # fmt: skip
