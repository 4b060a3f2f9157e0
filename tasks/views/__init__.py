"""Views: what desk, console and artifacts read, and change nothing by it."""
