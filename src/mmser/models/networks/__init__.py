"""The networks of the papers that learn from hand-made features, in PyTorch."""
