"""`python -m mta.settings sample|reference` prints the documents generated from the schema."""

import sys

from mta.settings.documents import reference_markdown, sample

_DOCUMENTS = {"sample": sample, "reference": reference_markdown}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in _DOCUMENTS:
        sys.exit("usage: python -m mta.settings sample|reference")
    sys.stdout.write(_DOCUMENTS[sys.argv[1]]())
