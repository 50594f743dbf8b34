"""One request's life, from first byte to last; the only package that joins the pure layers. See ``contract``."""
