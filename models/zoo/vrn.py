"""VRN, a face as a volume: the authors' file, and the one of its port to Keras."""

from models.spec import Count, Download, Input, ModelSpec

SOURCE = "arXiv:1703.07834, VRN unguided"
CITATION = (
    "A. S. Jackson, A. Bulat, V. Argyriou, G. Tzimiropoulos, Large Pose 3D Face Reconstruction "
    "from a Single Image via Direct Volumetric CNN Regression, ICCV 2017"
)
# Without the statistics that the batch norms learnt, which are not used.
PARAMETERS = Count(19_184_968, "vrn-torch-to-keras, list.txt: 276 convolutions, 273 batch norms")
TABLE = "table 1 of the paper: normalised mean error on AFLW2000-3D, BU-4DFE and Florence"
# download.sh of github.com/AaronJackson/vrn. Its size is not published; the numbers take 77 MB, and
# as much again where the gradients were saved with them.
WEIGHTS = Download(
    "https://asjackson.s3.fr-par.scw.cloud/vrn/vrn-unguided.t7", size_most=1_000_000_000
)

MODELS = (
    ModelSpec(
        name="vrn-unguided",
        family="vrn",
        task="volume",
        # process.lua: image.load gives [0, 1], and image.scale makes it 192 x 192.
        input=Input(192, 192, order="rgb", fit="stretch"),
        labels=(),
        licence="MIT (of the code; none is stated for the weights)",
        source=SOURCE,
        origin=WEIGHTS,
        variant="torch",
        parameters=PARAMETERS,
        published="github.com/AaronJackson/vrn, download.sh: vrn-unguided.t7",
        citation=CITATION,
        accuracy=TABLE,
    ),
    ModelSpec(
        name="vrn-unguided-keras",
        family="vrn",
        task="volume",
        # Example-Usage.ipynb feeds what OpenCV reads, 0..255.
        input=Input(192, 192, order="rgb", fit="stretch", std=(1.0, 1.0, 1.0)),
        labels=(),
        licence="MIT (of the original's code; none is stated for the port)",
        source=f"{SOURCE}, ported by dezmoanded/vrn-torch-to-keras",
        origin=None,
        variant="keras",
        parameters=PARAMETERS,
        published="github.com/dezmoanded/vrn-torch-to-keras, README: vrn-unguided-keras.h5",
        citation=CITATION,
        accuracy=f"{TABLE} (of the original)",
    ),
)
