"""Templates: a gallery of designs, saved templates with versions, images and files, branding.

`designs` reads the gallery, `service` keeps templates and their versions, `composing` makes sources of
slots and branding, `media` keeps images and files, `images` checks them.
"""
