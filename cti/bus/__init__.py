"""The event bus: in this process (``local.py``), and over several that share a Redis (``redis.py``)."""
