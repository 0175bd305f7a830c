"""What a message may be: its length, and what never reaches storage."""

import re

LONGEST = 4000
"""Characters of a message."""

ASK_FOR_A_PERSON = "/request_human"
"""The payload that asks for a person."""
PERSON_WORDS = {"zh": "转人工", "en": "Talk to a person"}
"""What a button says that asks for a person, by language."""

ATTACHED = {"zh": "［附件］", "en": "[Attachment]"}
"""The text of a message that is nothing but files, by language."""
ATTACHES = "/inform"
"""The payload of such a message: there are no words to understand."""
LEAVE_A_MESSAGE = '/inform{"leave_message": "yes"}'
"""The payload that leaves a message instead of waiting for a person."""
LEAVE_WORDS = {"zh": "留言", "en": "Leave a message"}
"""What the button for that says, by language."""

# NUL cannot be stored by PostgreSQL, lone surrogates cannot be written as UTF-8; other control characters show nothing.
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def clean(text: str) -> str:
    """The text without what cannot be stored or shown, and without space around it.

    >>> clean(" 你好\\x00\\ud800 ")
    '你好'
    """
    return _UNSTORABLE.sub("", text).strip()


def too_long(text: str) -> bool:
    """Whether a message is longer than is taken."""
    return len(text) > LONGEST
