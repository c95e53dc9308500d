"""The page of `mmser app`: a clip is uploaded, recorded or chosen, and answered; nothing of it is kept."""
