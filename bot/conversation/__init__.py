"""Conversations as such: who owns them, what a message may be, when a person is needed. Pure: no I/O, no frameworks."""
