"""From original weights to one ONNX file a model, with pictures in and results out."""

# Part of the key under which a converted file is kept: raise it when what is written changes.
CONVERTER_VERSION = 1
