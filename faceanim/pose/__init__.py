"""Where the face is and how it moves: landmarks, pose sequences, pose images and face masks."""
