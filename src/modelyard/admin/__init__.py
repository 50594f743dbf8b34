"""The admin API: what the yard is doing, and a few commands, for people and programs. Loopback by default."""
