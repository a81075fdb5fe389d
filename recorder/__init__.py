"""What was said: raw file from the switch, to a checked, encoded recording on the call's ticket.

Asterisk writes ``<spool>/<call id>.caller.raw`` and ``.agent.raw``. When they are closed, this department
joins them (left the caller, right the agent), checks the length against the ledger of the call, encodes,
hashes and stores it, tells the tickets, and removes the raw files only when the stored copy hangs on a ticket.

Start with ``model.py`` (the ledger), then ``service.py`` (the life of a recording). ``audio.py`` does the sums on
samples, ``adapters/worker.py`` is the encoder's own process, ``wiring.py`` puts the parts together.
"""
