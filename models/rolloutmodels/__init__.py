"""Models to roll out: a synthetic market, the networks that learn it, and the MLServer runtime that serves them.

Serving (`runtime`, `faults`, `inputs`, `metrics`) needs onnxruntime and mlserver and never imports torch.
Training (`networks`, `training`, `export`, `train`) needs torch and never imports mlserver.
"""
