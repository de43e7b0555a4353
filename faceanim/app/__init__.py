"""The platform: a page on which people animate a photograph, and what serves it."""
