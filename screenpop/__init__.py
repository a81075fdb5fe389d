"""What the agent sees: who calls, before the phone rings; the desktop's live document; his commands.

Start at ``model.py`` (one agent's document of sections and what changes it), then ``service.py`` (whom an event
concerns, and the pop) and ``commands.py`` (what an agent may ask for). ``docs/desktop-protocol.md`` is the contract
with the page; ``adapters/ws.py`` speaks it.
"""
