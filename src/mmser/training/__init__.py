"""Training under accelerate: a recipe and a corpus in, a model folder with its scores out."""
