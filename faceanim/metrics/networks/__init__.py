"""Published networks that measure, each in its weights' own key layout."""
