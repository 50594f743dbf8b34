"""One way for a model's files to get here: ``fetching.fetch``.

``stores`` opens where files come from (``hub_store``, ``bucket_store``, ``demo_store``); each lists its files with
what it knows of them and reads a file from any byte on. ``selection`` says which of them are taken and refuses names
that would leave the folder. ``transfer`` brings one file, resumed and checked; ``journal`` remembers across kills;
``fetching`` joins them under a lock and publishes the whole folder by one rename (``published``). ``folder_in_place``
checks a path instead. ``prefetch`` reads files ahead into the page cache.
"""
