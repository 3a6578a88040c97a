"""HTML to PDF in a process of its own: WeasyPrint takes a second and 80 MiB, and its text engine is C.

`python -m console.pages.pdf` reads the document from standard input and writes the PDF to standard
output. It fetches nothing. Where WeasyPrint or libpango is missing it fails, and who asked sends HTML.
"""

import asyncio
import contextlib
import os
import sys

DEADLINE_S = 30.0
PATIENT = "--patient"
MAX_BYTES = 20 * 1024 * 1024


async def make_pdf(
    html: str, deadline_s: float = DEADLINE_S, *, is_patient: bool = False
) -> bytes | None:
    """The document as PDF; None when it cannot be made here or not in time.

    `is_patient`: everything else goes first, for long documents that nobody waits for.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "console.pages.pdf",
        *((PATIENT,) if is_patient else ()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(deadline_s):
            pdf, _ = await process.communicate(html.encode())
    except TimeoutError:
        pdf = b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    is_good = process.returncode == 0 and pdf.startswith(b"%PDF-") and len(pdf) <= MAX_BYTES
    return pdf if is_good else None


def main() -> None:
    """The worker."""
    if PATIENT in sys.argv:
        with contextlib.suppress(PermissionError):  # a unit of one's own may forbid even this
            os.nice(10)
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    # No protocol is allowed, so nothing is fetched; what a document wants is left out.
    document = HTML(
        string=sys.stdin.buffer.read().decode(), url_fetcher=URLFetcher(allowed_protocols=())
    )
    sys.stdout.buffer.write(document.write_pdf())


if __name__ == "__main__":
    main()
