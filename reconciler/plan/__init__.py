"""Plans as values: what an apply would change, why, whether a guard forbids it, and what it will cost. Pure.

May import config, kinds and the vocabulary. Decides everything; leaves the apply no choices.
"""
