"""igny8/v1beta1, the language of the first trials. It had the words of the platforms that people came from."""

from __future__ import annotations

from reconciler.config.migrations.renames import Renames

RENAMES: Renames = {
    "Account": [("", "plan", "tier"), ("credits", "monthly_limit", "monthly_max")],
    "Site": [
        ("publishing", "slots", "time_slots"),
        ("automation", "at", "time"),
        ("stages.*", "batch", "batch_size"),
        ("sectors.[]", "csv", "keywords_file"),
    ],
    "ModelCatalog": [
        ("models.*", "input_usd_per_1k", "cost_per_1k_input"),
        ("models.*", "output_usd_per_1k", "cost_per_1k_output"),
        ("models.*", "credit_tokens", "tokens_per_credit"),
    ],
}
