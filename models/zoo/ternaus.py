"""Networks for surgical instruments in video of robot-assisted surgery."""

from models.spec import Count, Input, ModelSpec

BINARY = ("background", "instrument")
PARTS = ("background", "shaft", "wrist", "claspers")
INSTRUMENTS = (
    "background", "bipolar forceps", "prograsp forceps", "large needle driver", "vessel sealer",
    "grasping retractor", "monopolar curved scissors", "other",
)  # fmt: skip
"""In the order of `prepare_data.py`."""

TASKS = {"binary": BINARY, "parts": PARTS, "instruments": INSTRUMENTS}

# ImageNet's, in grey levels: albumentations.Normalize, as `generate_masks.py` has it.
MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)

REPOSITORY = "github ternaus/robot-surgery-segmentation"
WEIGHTS = "https://drive.google.com/open?id=13e0C4fAtJemjewYqxPtQHO6Xggk7lsKe"
CITATION = (
    "Shvets, Rakhlin, Kalinin, Iglovikov: Automatic Instrument Segmentation in Robot-Assisted "
    "Surgery using Deep Learning, ICMLA 2018, pp. 624-628"
)

NETWORKS = {
    "unet11": "arXiv:1801.05746, TernausNet",
    "unet16": "arXiv:1801.05746, TernausNet",
    "linknet34": "arXiv:1707.03718, LinkNet",
    "albunet34": "arXiv:1505.04597 with arXiv:1512.03385",
}
"""Each network, and its paper."""

# Unique tensors of the state dict, without counters and without AlbuNet's classifier, which is
# never run: for 1, 4 and 8 outputs.
NUMBERS = {
    "unet11": (25_364_513, 25_364_612, 25_364_744),
    "unet16": (32_202_337, 32_202_436, 32_202_568),
    "linknet34": (21_813_729, 21_814_116, 21_814_632),
    "albunet34": (34_621_921, 34_622_020, 34_622_152),
}
COUNTED = f"tensors of models.py, {REPOSITORY} at 1d18157, counted in PyTorch"

# README.rst, "Results": intersection over union and Dice coefficient, per cent, in four folds of
# EndoVis 2017's training videos.
RESULTS = {
    "unet11": ((81.14, 88.07), (62.23, 74.25), (34.61, 45.86)),
    "unet16": ((83.60, 90.01), (65.50, 75.97), (33.78, 44.95)),
    "linknet34": ((82.36, 88.87), (34.55, 41.26), (22.47, 24.71)),
}


def _ternaus(network: str, task: str) -> ModelSpec:
    place = tuple(TASKS).index(task)
    accuracy = f"none published: README.rst has no row for {network}"
    if network in RESULTS:
        overlap, dice = RESULTS[network][place]
        accuracy = f"IoU {overlap} %, Dice {dice} %, four folds of EndoVis 2017; README.rst"
    return ModelSpec(
        name=f"ternaus-{network}-{task}",
        family="ternaus",
        task="segment",
        # What `prepare_data.py` cuts out of EndoVis's 1920 x 1080: from x 320, y 28.
        input=Input(1280, 1024, order="rgb", fit="letterbox", mean=MEAN, std=STD, pad=0),
        labels=TASKS[task],
        licence="MIT",
        source=f"{NETWORKS[network]}; {REPOSITORY}",
        origin=None,
        variant=network,
        parameters=Count(NUMBERS[network][place], COUNTED),
        published=WEIGHTS,
        citation=CITATION,
        accuracy=accuracy,
    )


MODELS = tuple(_ternaus(network, task) for network in NETWORKS for task in TASKS)
