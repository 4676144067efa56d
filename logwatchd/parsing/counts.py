"""The words by which a text counts failures: 'failed=0', 'error_count: 3', '12 errors', '0% packet loss'.

Whether such a count is 0 carries meaning; how large it is does not.
"""

from __future__ import annotations

# In small letters; a text may write the first one, or all of them, as capitals.
_THINGS = ("errors", "errs", "failures", "fails", "faults", "exceptions", "timeouts", "crashes")
_WENT_WRONG = ("failed", "rejected", "refused", "denied", "aborted", "crashed", "corrupted", "lost", "unreachable")

# With '=' or ':' between the word and its number. An error or a timeout there is a code or a setting, if nothing says
# that it is counted; so is 'err=49', see `slots`.
NAMES = (*_THINGS, *_WENT_WRONG, "err", "failure", "unavailable", "malformed")
COUNTABLE = (*NAMES, "error", "exception", "timeout", "crash")
SUFFIXES = ("_count", "-count", " count", "_total", "Count", "Total")
# With the word after its number: things whatever is before it; and what else may be the number of a disk or an attempt,
# as in 'disk 0 failed', where it stands in a list, as in '3 passed, 0 failed'.
COUNTED = (*_THINGS, "error(s)", "failure(s)")
LISTED = (*_WENT_WRONG, "failing", "error", "failure")
