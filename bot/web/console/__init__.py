"""The live console of human agents: one page over a WebSocket, its fragments drawn on the server."""
