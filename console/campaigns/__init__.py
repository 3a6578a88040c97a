"""Campaigns: one content to many people, from a draft to the last delivery.

`CampaignService` is what people do; `CampaignRunner` is what the running server does with it.
"""
