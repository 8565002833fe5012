"""Models to roll out: a synthetic market, the networks that learn it, and the MLServer runtimes that serve them.

Serving (`runtime`, `serving`, `loading`, `inputs`, `faults`, `parameters`, `metrics`) needs onnxruntime and mlserver
and never imports torch; `torch_runtime` with `weights` serves by torch.
Feedback (`feedback`, `labels`, `outcomes`) needs mlserver and counts what became of predictions.
The market (`market`, `climates`, `features`, `indicators`, `stress`, `trading`) needs numpy alone.
Training (`networks`, `training`, `checkpoints`, `export`, `artefacts`, `train`) needs torch and never imports mlserver.
Uploading (`push`, `packages`, `stores`) needs none of them.
"""
