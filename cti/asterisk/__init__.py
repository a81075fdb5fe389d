"""The live connection to Asterisk: AMI link, FastAGI server, call control, translator.

Start at ``translator.py`` (how Asterisk's events become ours), then ``switch.py`` (who is connected to whom).
This is the only package that knows Asterisk's words; what it tells the others are domain events.
"""
