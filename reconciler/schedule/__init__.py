"""Schedule: publishing slots, due times, capacity and windows, as pure functions of values and instants.

May import the vocabulary only. Never asks for the time.
"""
