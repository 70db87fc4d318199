"""Where recordings and voicemail are kept (port RecordingVault). One file a kind of store."""
