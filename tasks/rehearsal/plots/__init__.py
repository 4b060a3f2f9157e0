"""Plots of the sample business's rehearsal, drawn on the server as inline SVG."""
