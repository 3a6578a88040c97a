"""Programs by what they call themselves: "Firefox 140, Linux" instead of a User-Agent."""


def readable_agent(text: str) -> str:
    """Browser and system of a User-Agent, the text itself where nothing is known, "" for none."""
    # Loaded when a page shows one: the tables of programs take a while.
    from ua_parser import parse

    found = parse(text)
    names = []
    if found.user_agent is not None:
        browser = found.user_agent
        names.append(f"{browser.family} {browser.major}" if browser.major else browser.family)
    if found.os is not None:
        names.append(found.os.family)
    return ", ".join(names) or text
