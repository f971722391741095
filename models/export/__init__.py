"""From original weights to one ONNX file a model, with pictures in and results out."""

# Part of the key under which a converted file is kept: raise it when what is written changes, or
# machines that have converted before keep the old file. tests/models/test_converter_version.py
# fails when that is forgotten.
CONVERTER_VERSION = 4
