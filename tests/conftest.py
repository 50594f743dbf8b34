"""Settings of the whole suite."""

from __future__ import annotations

import hypothesis

hypothesis.settings.register_profile("here", deadline=None)
"""No example is judged by its time: speed is a benchmark's matter, and machines that run tests are busy."""
hypothesis.settings.load_profile("here")
