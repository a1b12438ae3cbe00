"""The compiler's front end: files in, resolved resources and diagnostics out. Pure but for `tree`, the only reader.

May import kinds and the vocabulary. Raises nothing for what users write: findings are collected values.
"""
