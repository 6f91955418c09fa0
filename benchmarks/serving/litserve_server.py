"""LitServe, with images as base64 in JSON (its queue takes no files of forms) and batches. Run by servers.py."""

from __future__ import annotations

import base64
import sys
from typing import Any

import litserve as ls

import skipwise

ARTIFACT, PORT = sys.argv[1], int(sys.argv[2])
BATCH, WAIT = 8, 0.005


class Served(ls.LitAPI):
    def setup(self, device: str) -> None:
        del device
        self.predictor = skipwise.Predictor(ARTIFACT, batch_size=BATCH)

    def decode_request(self, request: dict[str, str]) -> bytes:
        return base64.b64decode(request["image"])

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        return inputs

    def predict(self, images: list[bytes]) -> list[Any]:
        if len(images) == 1:
            return [self.predictor.predict(images[0])]
        return list(self.predictor.predict_many(images))

    def unbatch(self, output: list[Any]) -> list[Any]:
        return output

    def encode_response(self, output: Any) -> dict[str, Any]:
        return {"label": output.label, "probability": output.probability}


if __name__ == "__main__":
    api = Served(max_batch_size=BATCH, batch_timeout=WAIT)
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=30)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning")
