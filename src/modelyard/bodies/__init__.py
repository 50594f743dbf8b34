"""API dialects: body bytes to RequestFacts, the model's name in and out, usage out of answers.

One file per API (``openai_chat``, ``anthropic_messages``, ...) says which fields are read; ``dialects`` is
the table from path to API. ``json_request`` and ``multipart`` hold the strictness that makes the model
routed the model served. ``model_rewrite`` changes the name in a request; ``answers`` observes what comes
back and can change the name there. ``api_paths`` says which paths of an engine are the model API at all.
Nothing here does I/O.
"""
