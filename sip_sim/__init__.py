"""The other end: simulated callers, carriers and phones, and what they prove.

Start at ``steps.py`` (what a simulated party does), ``sipp.py`` (how SIPp does it), ``phone.py`` (a
phone with ears and a mouth), ``selftest.py`` and ``simulate.py`` (what is built from them). Simulators
say that they are simulators: their User-Agent is ``ringdesk-sim``.
"""
