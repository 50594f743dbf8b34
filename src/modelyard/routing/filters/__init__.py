"""HTTPRoute filters, one file each: frozen values, compiled once, with pure functions over heads.

Header lists are ``list[tuple[str, str]]`` with lower-case names, as the HTTP/1.1 codec gives them.
Order of work: CORS preflight, redirect, request headers, URL rewrite, mirrors, forward; then response headers
and CORS fields.
"""
