"""What the monitoring page shows of each watch: its verdict in a sentence, plots, and the figures under them."""
