"""One file per engine; each imports the contract and nothing of another engine."""
