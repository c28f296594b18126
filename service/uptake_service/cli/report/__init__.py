"""`uptake report`: what the feedback means, as one page that needs nothing else."""
