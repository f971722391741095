"""Face networks of face-api.js."""

from models.spec import Count, Input, ModelSpec

PACKAGE = "npm package @vladmandic/face-api 1.7.15"

MODELS = (
    ModelSpec(
        name="tiny-face-detector",
        family="faceapi",
        task="detect",
        # The mean: src/tinyFaceDetector/const.ts; the deviation: src/tinyYolov2/TinyYolov2Base.ts.
        input=Input(416, 416, order="rgb", fit="corner", mean=(117.001, 114.697, 97.404), pad=0),
        labels=("face",),
        licence="MIT",
        source="face-api.js, TinyFaceDetector: tiny YOLOv2 (arXiv:1612.08242), separable",
        origin=None,
        variant="detector",
        # src/tinyFaceDetector/const.ts
        anchors=(
            (1.603231, 2.094468),
            (6.041143, 7.080126),
            (2.882459, 3.518061),
            (4.266906, 5.178857),
            (9.041765, 10.66308),
        ),
        parameters=Count(193_321, "tiny_face_detector_model-weights_manifest.json"),
        published=f"{PACKAGE}, model/tiny_face_detector_model-weights_manifest.json and .bin",
        citation="V. Muehler, face-api.js, 2018; V. Mandic, @vladmandic/face-api, 2024",
        accuracy="none published (its README says that it was trained on some 14,000 pictures); "
        "here 11 of 12 faces on three photos of groups, and no box elsewhere",
    ),
    ModelSpec(
        name="face-recognition-128",
        family="faceapi",
        task="embed",
        # src/faceRecognitionNet/FaceRecognitionNet.ts; the picture stands in the middle.
        input=Input(
            150, 150, order="rgb", fit="letterbox", mean=(122.782, 117.001, 104.298), pad=0
        ),
        labels=(),
        licence="MIT",
        source="face-api.js, FaceRecognitionNet: dlib_face_recognition_resnet_model_v1",
        origin=None,
        variant="recogniser",
        parameters=Count(5_614_592, "face_recognition_model-weights_manifest.json"),
        published=f"{PACKAGE}, model/face_recognition_model-weights_manifest.json and .bin",
        citation="D. King, dlib, 2017; V. Muehler, face-api.js, 2018",
        accuracy="99.38 % on Labeled Faces in the Wild (dlib, of its own file)",
    ),
)
