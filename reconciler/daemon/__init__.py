"""The loop around the operations: watch the config, apply what is safe, run and publish what is due, again.

May import operations and everything below. Decides nothing that an operation could decide.
"""
