"""Build-time helpers: find a libevent, or bring and build one. Never imported at run time."""
