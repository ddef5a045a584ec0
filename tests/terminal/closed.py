"""Runs a command on a terminal of its own, and closes the terminal as soon as a text has appeared on it.

    closed.py TEXT COMMAND…

It exits as the command does.
"""

import os
import pty
import signal
import sys
import termios

text, command = sys.argv[1].encode(), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    # The tests may run under `nohup`, which the command would obey.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    os.execvp(command[0], command)
termios.tcsetwinsize(terminal, (50, 160))
shown = b""
while text not in shown:
    try:
        shown += os.read(terminal, 4096)
    except OSError:
        # The command has ended.
        sys.exit(f"{text!r} has not appeared: {shown!r}")
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
