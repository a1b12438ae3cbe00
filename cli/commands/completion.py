"""igny8 completion"""

from __future__ import annotations

import click

from cli.session import Session


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def completion(session: Session, shell: str) -> None:
    """Print a shell's completion script.

    Example: igny8 completion bash >> ~/.bashrc
    """
    from click.shell_completion import get_completion_class

    from cli.main import igny8

    found = get_completion_class(shell)
    assert found is not None
    session.output.data(found(igny8, {}, "igny8", "_IGNY8_COMPLETE").source())
