"""VGG-Face: identities, and an embedding of faces."""

from dataclasses import replace

from models.spec import Count, Download, Input, ModelSpec

PEOPLE = 2_622  # table 1 of the paper
PUBLISHED = (
    "https://github.com/rcmalli/keras-vggface/releases/download/v2.0/rcmalli_vggface_tf_vgg16.h5"
)

IDENTITIES = ModelSpec(
    name="vggface",
    family="vggface",
    task="classify",
    # rcmalli/keras-vggface, utils.preprocess_input version 1: blue, green, red.
    input=Input(
        224,
        224,
        order="bgr",
        fit="stretch",
        mean=(93.5940, 104.7624, 129.1863),
        std=(1.0, 1.0, 1.0),
    ),
    # Names come with the weights: the authors' names.txt, or --labels.
    labels=tuple(f"identity-{number:04}" for number in range(1, PEOPLE + 1)),
    # README of rcmalli/keras-vggface, as it quotes the authors' page, which was not to be read.
    licence="CC-BY, for non-commercial research",
    source="Parkhi et al., Deep Face Recognition, BMVC 2015, table 3",
    origin=Download(PUBLISHED, size_most=600_000_000),
    variant="identities",
    parameters=Count(145_002_878, "rcmalli/keras-vggface bee3537, VGGFace(), count_params"),
    published=PUBLISHED,
    citation="Parkhi, Vedaldi, Zisserman: Deep Face Recognition, BMVC 2015",
    accuracy="98.95 % on Labeled Faces in the Wild, unrestricted (the paper, table 5)",
)

MODELS = (
    IDENTITIES,
    replace(
        IDENTITIES,
        name="vggface-fc7",
        task="embed",
        labels=(),
        variant="fc7",
        parameters=Count(134_260_544, "as above, without fc8"),
    ),
)
