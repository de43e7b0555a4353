"""The platform: a web page and an API that animate a photo."""
