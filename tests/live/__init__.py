"""The contract of the emulator, asked of it and of a real Mixpanel: ``python -m tests.live``. See docs/live.md."""
