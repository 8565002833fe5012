"""The test bench of the judge: worlds of traffic, our rules beside those of others, tables and pictures."""
