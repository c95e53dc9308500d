"""Using a trained model: clips in, emotions out."""
