"""The switch: what a call is, how we speak to Asterisk, and the one truth about both.

Start reading at ``domain/call.py`` (what a call is), then ``asterisk/translator.py`` (how Asterisk's
events become ours) and ``bootstrap.py`` (how everything is put together).
"""
