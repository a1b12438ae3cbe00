"""What a user can ask for, one file each: the imperative shell. Reads the store, calls the pure layers, writes the store.

May import everything below. Prints nothing: it returns values, and tells a long run's progress to the port it was given.
"""
