"""Customers and tickets: who called, what about, and what became of it.

Every call that reaches an agent, or is given up while waiting, gets a ticket by itself; the ticket shows the
call's journey and carries its recording. Start at ``model.py`` (what a call's file is and when
a ticket opens), then ``service.py`` (reacts to what happens) and ``office.py`` (what agents do with
tickets). Storage is behind ``ports.py``: SQL in ``adapters/sql.py``, memory in ``adapters/memory.py``.
"""
