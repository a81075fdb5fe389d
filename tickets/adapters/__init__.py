"""Where customers and tickets are kept: SQL, or memory."""
