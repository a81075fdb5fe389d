"""What the caller hears and presses: menus, opening hours, prompts, the position while waiting.

Start reading at ``model.py``: a flow is stepped by a pure interpreter. ``service.py`` carries its
commands out over a ``CallerSession`` (``ports.py``), which ``adapters/agi.py`` provides on a real
Asterisk channel. ``adapters/prompts.py`` makes the sound files, at configuration time.
``wiring.py`` puts the department together.
"""
