"""The command line: translates words into operations and values into text. Neither thinks nor prints in two places.

Commands are imported when they are called, so that `igny8 --help` and `igny8 validate` pay for nothing else.
"""
