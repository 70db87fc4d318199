"""ARI: a typed asyncio client of our own. Start with client.py; channels.py and its neighbours build the requests."""
