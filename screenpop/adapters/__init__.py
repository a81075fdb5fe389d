"""The desktop's WebSocket."""
