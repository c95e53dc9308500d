"""Publishing: finished runs and built corpora to the Hub, with cards that are measured and not typed."""
