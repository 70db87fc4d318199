"""Text and sound files → prompts that the telephony node plays without transcoding: engine, sound, and the library."""
