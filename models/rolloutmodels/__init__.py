"""Models to roll out: a synthetic market, the networks that learn it, and the MLServer runtime that serves them.

Serving (`runtime`, `faults`, `inputs`, `metrics`) needs onnxruntime and mlserver and never imports torch.
Feedback (`feedback`, `labels`, `outcomes`) needs mlserver and counts what became of predictions.
Training (`networks`, `training`, `export`, `train`) needs torch and never imports mlserver.
"""
