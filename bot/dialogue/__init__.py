"""Rasa, embedded: the assistant answers one customer message at a time and collects what is to be written."""
