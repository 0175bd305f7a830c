"""Measures this assistant beside Rasa as it comes, on the same machine and data: `python -m bench`."""
