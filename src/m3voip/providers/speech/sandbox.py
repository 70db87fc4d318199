"""The process behind ``upload``: a sound on its input, a greeting on its output. Run as ``python -I -m`` and nothing else.

Law: everything is imported first, then all rights are given up, and only then the first byte of the input is read.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from contextlib import suppress

import numpy as np

from m3voip.core.errors import ProviderError
from m3voip.providers.speech import sound

LEAST_SECONDS = 0.5
MOST_SECONDS = 180
_MEMORY = 1024 * 1024 * 1024
_CPU_S = 10
_NOBODY = 65534
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
BAD_SOUND = 3


def main() -> int:
    """Read, make, write. The answer is the seconds, a line feed and FLAC."""
    sound.flac(sound.tidy(sound.load_bytes(_warm_up())))
    give_up_rights()
    try:
        samples = greeting(sys.stdin.buffer.read())
        audio = sound.flac(samples)
    except ProviderError as error:
        why = "it cannot be read as sound; use WAV, FLAC or OGG" if "cannot be read" in str(error) else str(error)
        sys.stderr.write(f"{why.removeprefix('it ')}.")
        return BAD_SOUND
    sys.stdout.buffer.write(f"{len(samples) / sound.RATE:.3f}\n".encode() + audio)
    return 0


def greeting(data: bytes) -> sound.Samples:
    """The sound as callers shall hear it. Raises ProviderError."""
    samples = sound.load_bytes(data)
    if len(samples) > MOST_SECONDS * sound.RATE:
        raise ProviderError(f"it is longer than {MOST_SECONDS // 60} minutes", retryable=False)
    if len(samples) < LEAST_SECONDS * sound.RATE:
        raise ProviderError("it is shorter than half a second", retryable=False)
    if not sound.is_audible(samples):
        raise ProviderError("it holds nothing that can be heard", retryable=False)
    return sound.tidy(samples)


def give_up_rights() -> None:
    """No files, no network, no other user's rights, bounded time and memory."""
    for limit, most in (
        (resource.RLIMIT_CPU, _CPU_S),
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    libc = ctypes.CDLL(None, use_errno=True)
    as_root = os.geteuid() == 0
    # Where user namespaces are not allowed the other walls stand.
    libc.unshare(_CLONE_NEWNET if as_root else _CLONE_NEWUSER | _CLONE_NEWNET)
    if as_root:
        with suppress(
            OSError
        ):  # a container that took the right to change users from root has taken the others as well
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # No new descriptor from here on: nothing can be opened.
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def _warm_up() -> bytes:
    """A tenth of a second of sound: what is loaded when it is first used is loaded now."""
    return sound.flac(np.full(sound.RATE // 10, 0.5, dtype=np.float32))


if __name__ == "__main__":
    sys.exit(main())
