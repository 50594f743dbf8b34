"""The admin API: what the yard is doing, for people and programs. Loopback by default; it never changes anything."""
