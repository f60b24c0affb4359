"""How a model runs on one kind of device; knows nothing of storage, statistics or screens."""
