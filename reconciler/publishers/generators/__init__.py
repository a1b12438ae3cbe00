"""Static site generators: how each wants an article's file, one a file, and GENERATORS, the registry."""

from __future__ import annotations

from reconciler.publishers.generators import astro, eleventy, hugo, jekyll
from reconciler.publishers.generators.port import Generator

GENERATORS: tuple[Generator, ...] = (hugo.GENERATOR, jekyll.GENERATOR, eleventy.GENERATOR, astro.GENERATOR)


def find_generator(name: str) -> Generator:
    """Return the generator of this name; KeyError when there is none."""
    for generator in GENERATORS:
        if generator.name == name:
            return generator
    raise KeyError(name)
