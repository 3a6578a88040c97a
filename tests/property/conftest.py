"""Properties without a number of their own are tried a hundred times, or more under `RELEVO_FUZZ`."""

from hypothesis import settings

from tests.property.effort import tries

settings.register_profile("relevo", tries(100))
settings.load_profile("relevo")
