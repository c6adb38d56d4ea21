"""The line, from rows to their summary: `line` has it for a frame, `upload` for any source."""
