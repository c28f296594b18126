"""Client of Uptake, the feedback service behind an AI product."""
