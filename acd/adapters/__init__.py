"""Where the department touches infrastructure: the figures' tables, addresses and metrics. What decides is in memory."""
