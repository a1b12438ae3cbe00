"""The pipeline: stages, AI functions, and the executor's decisions, as functions of values and ports.

May import provider and publisher ports, the pure layers and the vocabulary. Never a concrete adapter, never the store:
it reads through `ItemReader` and answers with writes that the store carries out in the settling transaction.
"""
