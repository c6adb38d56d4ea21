"""What is wrong with a frame, and what becomes of its rows."""
