"""Jobs that bring model files somewhere, carried out by Modelyard itself in place of their images.

``recognition`` decides, purely, what a Job would do: download a model into a bucket, or copy one between mounts. For
any other Job it says why its image cannot run here. ``runner`` carries it out with retries and a deadline; ``copying``
makes the copy: verified, resumed, published by one rename.
"""
