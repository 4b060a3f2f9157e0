"""The terminal face; heavy libraries are imported inside the commands that need them."""
