"""What Asterisk speaks, as bytes in and messages out: AMI (``ami.py``) and AGI (``agi.py``).

No module here does I/O, knows a clock or keeps a thread: feed it bytes, take what came of them.
The sockets are in ``cti/asterisk``.
"""
