"""Issues: what negative feedback complains of, found by clustering and followed from run to run."""
