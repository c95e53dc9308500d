"""Models: the stock audio classifier, and the speech-and-text fusion that the Hub takes as custom code."""
