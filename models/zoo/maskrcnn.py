"""Mask R-CNN, as Matterport published it."""

from models.spec import Count, Download, Input, ModelSpec
from models.zoo.labels import read

PUBLISHED = "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"

MODELS = (
    ModelSpec(
        name="maskrcnn-coco",
        family="maskrcnn",
        task="instances",
        # Config.IMAGE_MAX_DIM, MEAN_PIXEL; `resize_image`, mode "square", pads with 0.
        input=Input(
            1024,
            1024,
            order="rgb",
            fit="letterbox",
            mean=(123.7, 116.8, 103.9),
            std=(1.0, 1.0, 1.0),
            pad=0,
        ),
        labels=read("coco"),
        licence="MIT",
        source="arXiv:1703.06870, Mask R-CNN; github.com/matterport/Mask_RCNN, mrcnn/model.py",
        origin=Download(PUBLISHED, size_most=300_000_000),
        variant="resnet101",
        parameters=Count(
            64_158_584,
            "MaskRCNN(mode='inference') of Matterport's code for COCO, count_params",
        ),
        published=PUBLISHED,
        citation="He, Gkioxari, Dollar, Girshick: Mask R-CNN, ICCV 2017",
        accuracy="boxes: 0.347 AP, 0.544 at an overlap of 0.5, on COCO minival (Matterport's "
        "releases, as github.com/facebookresearch/maskrcnn-benchmark issue 449 quotes them)",
    ),
)
