"""Who answers: queues, agents, and which agent gets which caller.

Start reading at ``model.py``, the pure core ``(configuration, state, event, now) -> (state, decisions)``;
``states.py`` holds the one transition table. ``service.py`` feeds it with events from the bus and
carries its decisions out; ``ports.py`` says what it asks of others; ``wiring.py`` puts it together.
"""
