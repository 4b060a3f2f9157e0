"""The occasions: one Prefect flow a file. A flow begins an occasion, calls tasks, and publishes what they found."""
