"""Settings that all tests share."""

import signal

from hypothesis import settings

# A slow machine isn't a failure: no test asserts time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Started in the background or under nohup, a process ignores these signals from birth, and so does
# what it starts; tests that send them need them heard.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _name in ("SIGTERM", "SIGHUP"):
    if hasattr(signal, _name):
        signal.signal(getattr(signal, _name), signal.SIG_DFL)
