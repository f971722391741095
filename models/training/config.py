"""What a training config holds: the keys, their meaning, their bounds.

Paths are relative to the folder that `under` is given: for a file, its own.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.spec import Fit

Positive = Annotated[int, Field(gt=0)]
Side = Annotated[int, Field(gt=0, multiple_of=32)]  # every network here has steps of 32 pixels
Share = Annotated[float, Field(ge=0, le=1)]


class Keys(BaseModel):
    """A group of keys. One that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def under(self, folder: Path) -> Self:
        """The same with every relative path starting in `folder`."""
        changed: dict[str, object] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Path):
                changed[name] = folder / value
            elif isinstance(value, Keys):
                changed[name] = value.under(folder)
        return self.model_copy(update=changed)


class Picture(Keys):
    """The picture that the network is trained on, and later run on."""

    width: Side = Field(description="Pixels, a multiple of 32.")
    height: Side = Field(description="Pixels, a multiple of 32.")
    fit: Fit = Field(
        "letterbox",
        description="letterbox keeps proportions and pads all around; stretch does not.",
    )


class Augment(Keys):
    """How a picture is varied each time it is seen."""

    flip: Share = Field(0.5, description="How often left and right change places.")
    jitter: Annotated[float, Field(ge=0, lt=0.5)] = Field(
        0.2, description="How far each edge is moved, out or in, as a share of the side."
    )
    keep: Share = Field(
        0.4, description="A box goes when less than this share of its area stays in the picture."
    )
    hue: Annotated[float, Field(ge=0, le=180)] = Field(10, description="Degrees, up or down.")
    saturation: Annotated[float, Field(ge=1)] = Field(
        1.5, description="A factor up to this, or its inverse."
    )
    brightness: Annotated[float, Field(ge=1)] = Field(
        1.5, description="A factor up to this, or its inverse."
    )
    mosaic: Share = Field(0, description="How often four pictures share one; boxes only.")


class Schedule(Keys):
    """How long and how fast is learnt."""

    epochs: Positive = Field(60, description="Passes over the pictures, at most.")
    batch: Positive = Field(8, description="Pictures in a step.")
    rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        3e-4, description="Learning rate at its height; it falls to zero by a half cosine."
    )
    warmup: Share = Field(0.05, description="Share of all steps in which the rate rises.")
    decay: Annotated[float, Field(ge=0)] = Field(
        1e-4,
        description="Weight decay; of a classifier, the weight of its squared kernel in the loss.",
    )
    average: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.99, description="Memory of the running mean of weights, which is what is kept; 0: none."
    )
    patience: Annotated[int, Field(ge=0)] = Field(
        0, description="Stop after so many evaluations without a better score; 0: never."
    )
    enough: float | None = Field(
        None, description="Stop when the score on `dev` is as high as this; else go on."
    )
    every: Positive = Field(1, description="Epochs from one evaluation on `dev` to the next.")


class ClassFolders(Keys):
    """One folder a class, or a table that says which picture is what."""

    format: Literal["folders"] = "folders"
    images: Path = Field(description="The folder whose folders are the classes.")
    table: Path | None = Field(
        None, description="A CSV that names the pictures, relative to `images`; else all of them."
    )
    file: str = Field("file", description="The column of the table that names the picture.")
    label: str = Field("label", description="The column of the table that names the class.")


class Voc(Keys):
    """Pascal VOC: one XML a picture."""

    format: Literal["voc"]
    images: Path = Field(description="The folder of the pictures.")
    annotations: Path = Field(description="The folder of the XML files.")
    names: Path | None = Field(
        None, description="A text file, one name without suffix a line; else every XML."
    )
    difficult: bool = Field(False, description="Whether boxes marked difficult count.")


class Coco(Keys):
    """COCO: one JSON for all pictures."""

    format: Literal["coco"]
    images: Path = Field(description="The folder of the pictures.")
    annotations: Path = Field(description="The JSON file.")
    names: Path | None = Field(
        None, description="A text file, one `file_name` without suffix a line; else every picture."
    )


class Masks(Keys):
    """A picture and a grey PNG of the same size, whose grey levels are classes."""

    format: Literal["masks"] = "masks"
    image: Path = Field(description="Path of a picture, with {name} in it.")
    mask: Path = Field(description="Path of its mask, with {name} in it.")
    names: Path | None = Field(
        None, description="A text file, one name a line; else every picture that `image` fits."
    )

    @model_validator(mode="after")
    def _named(self) -> "Masks":
        for text in (str(self.image), str(self.mask)):
            if text.count("{name}") != 1:
                raise ValueError(f"wanted a path with {{name}} once in it, got {text!r}")
        return self


class Sentences(Keys):
    """Pictures and what people wrote about them."""

    images: Path = Field(description="The folder of the pictures.")
    captions: Path = Field(
        description="A JSON: COCO's captions, or a mapping from a picture's name to its sentences."
    )


Boxes = Annotated[Voc | Coco, Field(discriminator="format")]


class Common(Keys):
    """The keys of every training."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")] = Field(
        description="Of the model: its files are called so."
    )
    out: Path = Field(description="The folder for checkpoints, report and model; made if need be.")
    weights: Path | None = Field(
        None, description="What the network knows before: the original file of its backbone."
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="Of everything random.")
    tensorboard: Path | None = Field(None, description="A folder for TensorBoard's log; else none.")
    licence: str = Field("not stated", description="Of the result, for its sidecar.")
    source: str = Field("not stated", description="Of network and data, for the sidecar.")
    halves: bool = Field(
        False, description="Keep weights as float16 in the ONNX file: half the size, same speed."
    )


class Classify(Common):
    """A linear classifier on the features of a frozen network."""

    task: Literal["classify"]
    network: Literal["vgg16", "mobilenet"] = Field(description="Whose features are used.")
    alpha: Annotated[float, Field(gt=0, le=1)] = Field(1.0, description="Width of a MobileNet.")
    layers: tuple[str, ...] = Field(
        (), description="Layers that are averaged over the picture; by default the last."
    )
    mirror: bool = Field(
        False, description="The model looks at each picture and its mirror image: twice the time."
    )
    input: Picture
    train: ClassFolders
    dev: ClassFolders
    views: Annotated[int, Field(ge=0)] = Field(
        8, description="How often each picture of `train` is varied, besides the picture as it is."
    )
    augment: Augment = Augment.model_validate({})
    schedule: Schedule = Schedule.model_validate(
        {"epochs": 60, "batch": 32, "rate": 0.003, "decay": 0.01}
    )


class Detect(Common):
    """A YOLOv2 detector."""

    task: Literal["detect"]
    network: Literal["mobilenet"] = Field("mobilenet", description="The backbone.")
    alpha: Annotated[float, Field(gt=0, le=1)] = Field(1.0, description="Width of a MobileNet.")
    frozen: str = Field(
        "", description="The layer up to which weights stay as they came; by default none does."
    )
    views: Annotated[int, Field(ge=0)] = Field(
        0,
        description="Keep so many varied views of each picture in memory, as the frozen layers "
        "give them, so that those run once; 0: a new view each time.",
    )
    input: Picture
    labels: tuple[str, ...] = Field((), description="Classes; by default those found in `train`.")
    anchors: int | tuple[tuple[float, float], ...] = Field(
        5, description="Prior boxes in cells of 32 pixels, or how many to find by k-means."
    )
    train: Boxes
    dev: Boxes
    augment: Augment = Augment.model_validate({})
    schedule: Schedule = Schedule.model_validate({})

    @model_validator(mode="after")
    def _gridded(self) -> "Detect":
        if self.views and not self.frozen:
            raise ValueError("wanted `frozen` with `views`, got views of no frozen layer")
        return self


class Segment(Common):
    """A U-Net on a MobileNet or on VGG16: the class of each pixel."""

    task: Literal["segment"]
    network: Literal["mobilenet", "unet11", "unet16"] = Field(
        "mobilenet",
        description="The encoder: a MobileNet; or `unet16`, TernausNet-16, a U-Net on VGG16; or "
        "`unet11`, TernausNet-11, on VGG11, about half the work.",
    )
    alpha: Annotated[float, Field(gt=0, le=1)] = Field(1.0, description="Width of a MobileNet.")
    frozen: str = Field(
        "", description="The layer up to which weights stay as they came; by default none does."
    )
    input: Picture
    labels: Annotated[tuple[str, ...], Field(min_length=2)] = Field(
        description="Classes in the order of `levels`; the first is the background."
    )
    levels: Annotated[tuple[int, ...], Field(min_length=2)] = Field(
        (0, 255), description="The grey level of each class in the masks; 0 and 255 for two."
    )
    train: Masks
    dev: Masks
    augment: Augment = Augment.model_validate({})
    schedule: Schedule = Schedule.model_validate({})

    @model_validator(mode="after")
    def _paired(self) -> "Segment":
        if len(self.labels) != len(self.levels):
            raise ValueError(
                f"wanted a grey level for each of {len(self.labels)} labels, "
                f"got {len(self.levels)} levels"
            )
        return self


class Caption(Common):
    """The words of a captioner, on the features of a frozen network."""

    task: Literal["caption"]
    network: Literal["vgg16"] = Field("vgg16", description="Whose features are used.")
    least: Positive = Field(
        3, description="A word is learnt if it stands in at least so many sentences."
    )
    length: Positive = Field(16, description="Words of a sentence, at most, its start counted.")
    units: Positive = Field(64, description="Width of the network; its last LSTM has twice that.")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.5, description="Share of the features that is left out at each step."
    )
    train: Sentences
    dev: Sentences
    schedule: Schedule = Schedule.model_validate({"epochs": 30, "batch": 64, "rate": 0.003})


Training = Classify | Detect | Segment | Caption
TASKS: dict[str, type[Classify | Detect | Segment | Caption]] = {
    "classify": Classify,
    "detect": Detect,
    "segment": Segment,
    "caption": Caption,
}
