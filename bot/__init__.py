"""知客 Zhike: a support desk that starts with a bot and knows when to call a person."""

__version__ = "0.1.0"
