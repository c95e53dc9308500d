"""Waveforms: reading, cleaning, augmentation. Knows no corpus."""
