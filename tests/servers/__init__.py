"""Real servers on loopback for the tests, each in a thread or in a process of its own."""
