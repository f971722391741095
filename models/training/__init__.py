"""Training: from a config and a folder of pictures to an ONNX file, its sidecar and its scores.

`config` says what is wanted, readers (`classes`, `voc`, `coco`, `masks`) bring the examples,
`augment` varies them, `fit` runs Keras, `evaluate` scores, `export` writes. Each task has a file
that puts these together: `classify`, `detect`, `segment`, `caption`; `run` chooses among them.
"""
