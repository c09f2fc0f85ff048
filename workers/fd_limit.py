"""The limit of open files, and so of connections, of this process."""

import resource

import structlog

OPEN_FILES = 8_192

log = structlog.get_logger()


def raise_fd_limit(target: int = OPEN_FILES) -> int:
    """Raise the limit to `target` or as far as allowed; return the limit in force.

    Many systems begin a process with 1,024, which is fewer than endpoints that may hang at once: with none left, not
    even the store could be reached.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= target:
        return soft
    allowed = target if hard == resource.RLIM_INFINITY else min(target, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < target:
        log.warning("low limit of open files: raise it (ulimit -n)", allowed=allowed, wanted=target)
    return allowed
