"""What connections know of the listening socket that took them, while it changes under them."""

from __future__ import annotations


class ListeningPlace:
    """One listening socket as its connections see it; they outlive changes of the configuration."""

    __slots__ = ("group", "open")

    def __init__(self, group: str) -> None:
        self.group = group
        """Listener group that the socket serves now; another one after its Gateway was renamed."""
        self.open = True
        """False once the socket is closed: its connections end with their next answer, and clients connect anew."""
