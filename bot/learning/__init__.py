"""Chinese text, the ticket classifier, sentiment and their evaluation. Pure: takes text and rows, knows no CRM."""
