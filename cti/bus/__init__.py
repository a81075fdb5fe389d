"""The event bus: in this process (``local.py``)."""
