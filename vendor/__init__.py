"""Finding or building libevent for ``build_ffi.py``; nothing here is imported at run time."""
