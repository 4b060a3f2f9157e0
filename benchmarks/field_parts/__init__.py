"""Parts of the field trial, each readable by itself."""
