"""Pure vocabulary of the call centre: identifiers, events, calls and legs, errors.

Nothing here does I/O, reads a clock or draws a random number; time is always an argument.
"""
