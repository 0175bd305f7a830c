"""The web edge: pages, sockets, sign-in. Errors of the house become HTTP statuses and protocol codes here, and only here."""
