"""A day of the centre in seconds: callers by chance or from the journal, against the very core that runs in production.

``chance.py`` draws, ``callers.py`` makes the day's callers before anything runs, ``centre.py`` lets them meet the agents
in virtual time, ``figures.py`` counts, ``whatif.py`` compares one day under different rules. All of it is pure: the
same seed gives the same day.
"""
