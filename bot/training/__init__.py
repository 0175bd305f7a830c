"""From training data to trained models."""
