"""How mail servers say that there is no such mailbox: to our face, or in a report that comes later.

By the status (RFC 3463, 3.2; RFC 7505 for 5.1.10), or by words where that says little. Patterns for
whole statuses and for a search in the words, in either case of letters.
"""

from __future__ import annotations

STATUS = r"5\.1\.([1236]|10)"
VAGUE = r"5\.(0\.0|1\.0|2\.0|4\.1|5\.0)"  #: statuses of which words may say more
WORDS = (
    r"(user|mailbox|recipient|address|account)\b.{0,40}\b(unknown|unavailable|not (found|exist)|"
    r"doesn'?t exist|no longer)|(no such|unknown|invalid|non-?existent) "
    r"(user|mailbox|recipient|address|account|person)"
)
