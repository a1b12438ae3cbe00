"""The database: tables, engine, migrations, and the only SQL besides the reports'.

May import the pipeline's values, the pure layers and the vocabulary. Functions take a connection and values; the caller
owns the transaction. The database guarantees what must happen once: unique keys, checks, conditional updates.
"""
