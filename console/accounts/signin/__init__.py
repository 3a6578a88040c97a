"""How people get in: sessions, second factors, one-time links, profiles.

`sessions` keeps who is signed in, `throttle` slows guessing, `factors` are one-time passwords and
recovery codes, `links` are invitations and resets, `profiles` what a person likes, and `service`
joins them into the steps of a sign-in. Of secrets only hashes are stored; the seed of one-time
passwords, which cannot be hashed, is encrypted with the installation's key.
"""
