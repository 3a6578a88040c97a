"""Who gets mail: contacts, lists, uploaded files, and the frozen audience of one campaign.

An upload is read in a process of its own (`files.child`), so that neither mail nor pages wait for
it; what it finds comes back as files of JSON lines and goes into the database page by page, with a
cursor, so that a restart goes on where it was. An *audience* are rows that do not change any more:
a campaign is sent to them and to nobody else, whatever becomes of the lists.
"""
