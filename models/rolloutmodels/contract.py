"""What a direction model takes and gives, the same in training, in the ONNX file and at the server."""

INPUT, OUTPUT = "input_data", "probability"
STEPS = 10  # time steps in one window
FEATURES = 35  # per step
MAX_BATCH = 32  # windows in one request; a larger batch would hold up the other models on the server
