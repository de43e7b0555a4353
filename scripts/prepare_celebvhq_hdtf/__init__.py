"""From raw videos to prepared clips: find the face, crop it, encode, index."""
