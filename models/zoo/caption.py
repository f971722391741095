"""Captioners: what sees, and what finds the words, a pair for each of two originals."""

from models.spec import Channels, Count, Download, Input, ModelSpec

MEAN: Channels = (103.939, 116.779, 123.68)  # of ImageNet's blue, green and red
PLAIN: Channels = (1.0, 1.0, 1.0)
# train.py of ImageCaption takes blue's mean from red and red's from blue.
CROSSED = Input(224, 224, order="rgb", fit="stretch", mean=MEAN, std=PLAIN)
# prepare_dataset.py of caption_generator, by preprocess_input of Keras.
CAFFE = Input(224, 224, order="bgr", fit="stretch", mean=MEAN, std=PLAIN)

WHOLE = (
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.1/"
    "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
)
VGG16 = Count(134_260_544, "arXiv:1409.1556, configuration D, without the layer of 1,000 classes")
SHOW_AND_TELL = "O. Vinyals, A. Toshev, S. Bengio, D. Erhan, Show and Tell, CVPR 2015"
SIMONYAN = "K. Simonyan, A. Zisserman, Very Deep Convolutional Networks, ICLR 2015"
PART = "none of its own: it is a part of VGG16, see vgg16-imagenet"

MODELS = (
    ModelSpec(
        name="caption-encoder",
        family="caption_encoder",
        task="embed",
        input=CROSSED,
        labels=(),
        licence="CC-BY-4.0",
        source="arXiv:1409.1556, VGG16; as ImageCaption by qhduan uses it",
        origin=None,
        variant="theano",
        parameters=VGG16,
        published="ImageCaption by qhduan: vgg16_weights.h5, VGG16 for Keras 1 on Theano",
        citation=SIMONYAN,
        accuracy=PART,
    ),
    ModelSpec(
        name="caption-words",
        family="caption",
        task="caption",
        input=CROSSED,
        labels=(),
        licence="not stated",
        source="ImageCaption by qhduan, after keras issue 2295 and arXiv:1411.4555",
        origin=None,
        variant="hard_sigmoid",
        # The embedding and the last layer grow with the vocabulary of COCO's captions.
        parameters=Count(9_611_560, "train.py of ImageCaption, for 9,000 words"),
        published="ImageCaption by qhduan: keras_image_caption_model.dat and argument.dat",
        citation=SHOW_AND_TELL,
        accuracy="none published",
    ),
    ModelSpec(
        name="caption-encoder-flickr8k",
        family="caption_encoder",
        task="embed",
        input=CAFFE,
        labels=(),
        licence="CC-BY-4.0",
        source="arXiv:1409.1556, VGG16; as anuragmishracse/caption_generator uses it",
        origin=Download(WHOLE, size_most=600_000_000),
        parameters=VGG16,
        published=WHOLE,
        citation=SIMONYAN,
        accuracy=PART,
    ),
    ModelSpec(
        name="caption-words-flickr8k",
        family="caption",
        task="caption",
        input=CAFFE,
        labels=(),
        licence="MIT",
        source="anuragmishracse/caption_generator, after arXiv:1411.4555",
        origin=None,
        variant="hard_sigmoid",
        # 8,256 words: README of Faizan-E-Mustafa/Image-Captioning, of the same captions.
        parameters=Count(16_488_416, "caption_generator.py, for the 8,256 words of Flickr8k"),
        published="github.com/anuragmishracse/caption_generator: what its train_model.py writes",
        citation=SHOW_AND_TELL,
        accuracy="BLEU about 0.57 on the 1,000 test pictures of Flickr8k (its README)",
    ),
)
