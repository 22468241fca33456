"""The web page: what it is made of, and its first sight drawn on the server."""
