"""Reads what model servers show of themselves: metrics, health and model lists. All of it ends as one
``Fleet``.

``scraper.Scraper`` is told which backends to watch and calls back with a new fleet when something changed.
``client`` is the HTTP client, ``wheel`` the schedule, ``watch`` one endpoint's state, ``recognition`` finds
out the engine. Meaning is decided in the pure ``fleet`` layer; here is only I/O and time.
"""
