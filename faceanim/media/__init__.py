"""The one door for images, videos and files: safe limits, exact frames, files written whole or not at all."""
