"""What the user wrote: frozen typed objects, one file per API group, and their strict loading.

``loading.load_documents`` turns text into objects and errors; ``resource_set.ResourceSet`` holds the objects
of all files, by kind and name. ``kinds`` is the one table of what is known.
"""
