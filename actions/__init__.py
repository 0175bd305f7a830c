"""What the assistant does beyond answering: thin adapters between Rasa and the services of the house."""
