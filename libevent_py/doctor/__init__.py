"""Which security fixes of 2026 the loaded libevent shows (floor 7).

A version number proves nothing: Debian's fixed 2.1.12 calls itself 2.1.12. So each fix is
asked for by what it changed, in a child process, for what lacks it may crash.
"""

from .examination import Finding as Finding
from .examination import Verdict as Verdict
from .examination import examine as examine
from .examination import libevent_files as libevent_files
