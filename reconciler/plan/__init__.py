"""Plans as values: what an apply would change, why, whether a guard forbids it, and what it will cost. Pure.

May import config, the ledger's prices, kinds and the vocabulary. Decides everything; leaves the apply no choices.
"""
