"""Files become frames."""
