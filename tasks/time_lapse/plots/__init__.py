"""Plots of the time-lapse, drawn on the server as inline SVG."""
