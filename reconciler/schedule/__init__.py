"""Schedule: publishing slots, due times, capacity and windows, as pure functions of values and instants.

May import kinds and the vocabulary. Never asks for the time.
"""
