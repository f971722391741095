r"""Writes faceapi.npz: what face-api.js itself says about seeded weights and a seeded picture.

Not a test, and nothing of the project is run: the networks are those of @vladmandic/face-api
1.7.15, which reads the files that tests/models/faceapi_file.py writes. Wants node (20 was used):

    npm install @vladmandic/face-api@1.7.15 @tensorflow/tfjs@4.22.0 \
        @tensorflow/tfjs-backend-wasm@4.22.0
    python tests/models/golden/make_faceapi.py node_modules/@vladmandic/face-api

README.md says what each array holds.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from tests.models.faceapi_file import SIDES, picture, write  # noqa: E402

# Of the detector's last layer every 7th number is kept.
STEP = 7
SCORE_THRESHOLD = 0.9

PROGRAM = """
import fs from 'fs';
const [bundle, folder] = process.argv.slice(2);
const api = (await import(bundle + '/dist/face-api.node-wasm.js')).default;
await api.tf.setBackend('cpu');
const read = (name, side) => api.tf.tensor3d(
  new Uint8Array(fs.readFileSync(`${folder}/${name}.rgb`)), [side, side, 3], 'int32');
const save = (name, numbers) => fs.writeFileSync(
  `${folder}/${name}.f32`, Buffer.from(new Float32Array(numbers).buffer));

const detector = api.nets.tinyFaceDetector;
await detector.loadFromDisk(folder);
const picture = read('detector', SIDE_D);
save('raw', await (await detector.forward(picture, 416)).data());
const found = await detector.locateFaces(picture, { inputSize: 416, scoreThreshold: THRESHOLD });
save('faces', found.flatMap((f) => [
  f.score, f.relativeBox.left, f.relativeBox.top, f.relativeBox.right, f.relativeBox.bottom]));

const recogniser = api.nets.faceRecognitionNet;
await recogniser.loadFromDisk(folder);
save('embedding', await recogniser.computeFaceDescriptor(read('recogniser', SIDE_R)));
"""


def main(package: str) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for variant in SIDES:
            write(folder, variant)
            picture(variant).tofile(folder / f"{variant}.rgb")
        program = PROGRAM.replace("SIDE_D", str(SIDES["detector"]))
        program = program.replace("SIDE_R", str(SIDES["recogniser"]))
        program = program.replace("THRESHOLD", str(SCORE_THRESHOLD))
        (folder / "run.mjs").write_text(program, "utf-8")
        command = ["node", folder / "run.mjs", Path(package).resolve(), folder]
        subprocess.run(command, check=True)
        raw, faces, embedding = (
            np.fromfile(folder / f"{name}.f32", np.float32)
            for name in ("raw", "faces", "embedding")
        )
    np.savez_compressed(
        HERE / "faceapi.npz", raw=raw[::STEP], faces=faces.reshape(-1, 5), embedding=embedding
    )


main(*sys.argv[1:])
