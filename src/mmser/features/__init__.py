"""Hand-made features and pictures of clips, for the systems that people compare with."""
