"""The program: what can be declared, how it is compiled, planned, applied, run, published and accounted.

Only vocabulary lives at this level (errors, diagnostics, clock, money, usage, ids, wording). Every other module belongs to a
layer; imports point down only, as the contract in `.importlinter` states.
"""

__version__ = "0.1.0"
