"""HTML pages that people read: jinja2 templates, one stylesheet, plots."""
