"""Makes the demo models that ``modelyard.weights.demo`` ships: ``make demo-models``.

The texts are the project's own: ``texts/`` holds paragraphs and questions, ``food`` and ``sql`` grammars. ``reading``
reads them, ``questions`` asks in many ways, ``samples`` mixes what each model learns, ``tokens`` turns it into numbers,
``llama`` and ``lora`` are the things that learn, ``training`` teaches them, ``publishing`` writes the files. It runs
in the engine's environment, which has torch and transformers, and imports nothing of Modelyard.
"""
