"""The HTTP API of a simulated server: one file per API, each with its request bodies, answers and stream
events."""
