"""The shapes that `face3d` nodes have written, for the page: glTF files, by stream.

A name is taken only if it is one that such a node gives, so nothing else can be asked for. Those of
a stream that a privacy node guards are not shown: a shape has the colours of its face.
"""

import re
from collections.abc import Callable
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from sinks.sink import SinkContext

NAME = re.compile(r"(.+)-[0-9]{8,}-[0-9]{1,3}\.glb")
"""STREAM-NUMBER-FACE.glb: see stages/faces/face3d.py."""


class Shapes:
    """Answers /streams/{name}/shapes/{file}."""

    def __init__(self, context: SinkContext, may_watch: Callable[[Request, str], bool]) -> None:
        """`may_watch` says whether who asks may see a stream; else it is not there for them."""
        self._context = context
        self._may_watch = may_watch

    async def answer(self, request: Request) -> Response:
        """The file. Raises HTTPException 404 if there is none, or no more."""
        stream, file = request.path_params["name"], request.path_params["file"]
        found = NAME.fullmatch(file)
        guarded = stream in self._context.guards
        if not found or found[1] != stream or guarded or not self._may_watch(request, stream):
            raise HTTPException(404, "no such shape")
        for folder in self._folders(stream):
            if (folder / file).is_file():
                headers = {"Cache-Control": "private, max-age=60"}
                return FileResponse(folder / file, 200, headers, "model/gltf-binary")
        raise HTTPException(404, "no such shape")

    def _folders(self, stream: str) -> list[Path]:
        folders = [
            getattr(node.options, "folder", None)
            for node in self._context.graph.values()
            if node.kind == "face3d" and stream in node.streams
        ]
        return [self._context.folder / one for one in folders if isinstance(one, Path)]
