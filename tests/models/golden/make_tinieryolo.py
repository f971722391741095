"""Writes tinieryolo.npz: a corner of the vector with which Xilinx tests Tinier-YOLO in its FPGA.

Not a test, and nothing of the project is run. With numpy and a checkout:

    git clone https://github.com/Xilinx/QNN-MO-PYNQ    # at 97bc264
    python tests/models/golden/make_tinieryolo.py QNN-MO-PYNQ

`tests/Test_image/tinier-yolo/input.bin` is what conv0 makes of dog.jpg, `verification.bin` what
the FPGA makes of that: 208 x 208 pixels of 16 numbers and 13 x 13 of 512, three bits each, lowest
first, a pixel padded to whole words of 64 bits, and pictures lie on their side.
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
CORNER, CELLS = 128, 3  # the first 3 x 3 cells of the output see no more than 127 rows and columns


def numbers(file: Path, side: int, channels: int) -> np.ndarray:
    """(channels, side, side) uint8 of 0..7."""
    raw = np.fromfile(file, np.uint8).reshape(side * side, -1)
    bits = np.unpackbits(raw, axis=1, bitorder="little")[:, : channels * 3]
    levels = bits.reshape(side, side, channels, 3) @ np.array([1, 2, 4], np.uint8)
    return levels.transpose(2, 1, 0)


folder = Path(sys.argv[1], "tests", "Test_image", "tinier-yolo")
x = numbers(folder / "input.bin", 208, 16)[:, :CORNER, :CORNER]
y = numbers(folder / "verification.bin", 13, 512)[:, :CELLS, :CELLS]
np.savez_compressed(HERE / "tinieryolo.npz", input=x, output=y)
