"""What belongs to this process: its locks, and the signals that end a call."""
