"""The ledger's rules: transfers of credits, prices of calls, and what a call may cost at most. Pure functions.

May import kinds and the vocabulary. Knows no database; the store carries the postings out and guarantees "once".
"""
