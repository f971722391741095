"""Who may look: names, passwords, tokens, sessions, links; what stands before the routes."""
