"""Modelyard: one address in front of all your models, and the yard that runs them.

(The architecture page is completed with the layers.)
"""

__version__ = "0.1.0"
