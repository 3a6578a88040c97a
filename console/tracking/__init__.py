"""Opens and clicks: signed links in mail, what comes back through them, and the figures of it.

`tokens` makes and checks the links, `instrumenting` puts them into HTML, `classifying` says who
asked, `folding` makes figures of the hits of one delivery, `ingest` writes them in batches and
`settling` decides later what was not clear at first. Import the module you need.
"""
