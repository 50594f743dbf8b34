"""Tiny models made on this machine, so that the demo runs real engines without a download.

Two Llama models of well under a million parameters and one LoRA adapter are trained until each answers with
sentences of its own: which model answered is visible in the answer. ``corpus`` holds the texts,
``tokenizer`` and ``training`` make the files. It runs inside the engine's interpreter, which has torch and
transformers::

    <engine python> -m modelyard.local.demo_weights OUT

The same seed gives the same sentences everywhere, and the same bytes on one machine.
"""
