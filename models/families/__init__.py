"""The families of networks: how the original files of each become one ONNX graph.

A family is a module with `convert(spec, files) -> Graph`. Those that are built in Keras also have
`build(spec) -> keras.Model`, for training and for parity. Modules are imported when a model is
converted or trained, never while a pipeline runs.
"""
