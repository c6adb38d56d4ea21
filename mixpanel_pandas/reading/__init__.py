"""Files become frames, and text becomes numbers, dates, booleans and lists."""
