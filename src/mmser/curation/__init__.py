"""From clips to a dataset folder: filtering, transcription, splits, balance, audit, writing."""
