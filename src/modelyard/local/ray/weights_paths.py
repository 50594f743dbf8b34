"""Where the files of a RayService's models are: the table of sources, then the volumes of its Pods, then the hub."""

from __future__ import annotations

from modelyard.local.model_files import ModelPlaces
from modelyard.resources.source_table import how_to_say_where

_SCHEMES = ("demo://", "hub://", "gs://", "s3://")


class NeededFolders:
    """Answers the adjustments' questions, and keeps what they asked for: it is fetched before the cluster starts."""

    def __init__(self, places: ModelPlaces) -> None:
        self._places = places
        self.fetched: dict[str, str] = {}
        """Text of a source -> folder."""

    def of_model(self, source: str, model_id: str) -> str | None:
        """Raises ValueError, for people, where nothing tells."""
        names = (model_id,) if model_id else ()
        try:
            place = self._places.place(source, *names)
        except ValueError as error:
            raise ValueError(f"{error}; {how_to_say_where(source)}") from None
        if place is None:
            raise ValueError(f"{source} is a folder of the image, which is not used; {how_to_say_where(source)}")
        self.fetched[place.source] = place.folder
        return place.folder

    def of_code(self, address: str) -> str | None:
        """The folder that the user named. Raises ValueError, for people, where it is no folder."""
        return self._places.chosen_folder(address)

    def of_text(self, text: str) -> str | None:
        """None for a text that is no source by its scheme and that the user named none for."""
        if not text.startswith(_SCHEMES) and not self._places.is_chosen(text):
            return None
        return self.of_model(text, "")
