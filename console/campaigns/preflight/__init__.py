"""What is looked at before a campaign is sent: findings with their remedies, and a forecast."""
