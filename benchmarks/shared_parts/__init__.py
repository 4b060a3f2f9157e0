"""What more than one benchmark stands on."""
