"""The AI functions: what a Prompt can be written for, which variables it is given, and what it must answer."""

from __future__ import annotations

from reconciler.kinds.extensions import FunctionDeclaration

_COMMON = ("site", "author", "strategy", "sector")

AUTO_CLUSTER = FunctionDeclaration(
    "auto_cluster", "clustering", "text", (*_COMMON, "keywords", "existing_clusters"), "clusters"
)
GENERATE_IDEAS = FunctionDeclaration(
    "generate_ideas", "idea_generation", "text", (*_COMMON, "cluster", "keywords", "ideas_max", "existing_titles"), "ideas"
)  # fmt: skip
GENERATE_CONTENT = FunctionDeclaration(
    "generate_content", "content_generation", "text", (*_COMMON, "idea", "link_candidates", "word_count"), "article"
)
GENERATE_IMAGE_PROMPTS = FunctionDeclaration(
    "generate_image_prompts",
    "image_prompt_extraction",
    "text",
    (*_COMMON, "article", "image_style", "in_article_max"),
    "image_prompts",
)
LINK_CONTENT = FunctionDeclaration(
    "link_content", "linking", "text", (*_COMMON, "article", "link_candidates", "links_max"), "links"
)
OPTIMIZE_CONTENT = FunctionDeclaration(
    "optimize_content", "optimization", "text", (*_COMMON, "article", "findings", "word_count"), "optimized_article"
)
GENERATE_IMAGES = FunctionDeclaration(
    "generate_images", "image_generation", "image", (*_COMMON, "image", "image_style"), "image"
)
