"""MLServer, with a runtime of its own for the artifact. Run by servers.py."""

from __future__ import annotations

import asyncio
import sys

import mlserver
from mlserver.codecs import Base64Codec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

import skipwise

BATCH, WAIT = 8, 0.005


class Served(mlserver.MLModel):
    async def load(self) -> bool:
        self.predictor = skipwise.Predictor(self.settings.parameters.uri, batch_size=BATCH)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        images = Base64Codec.decode_input(payload.inputs[0])
        answers = await asyncio.to_thread(self._answers, images)
        labels = StringCodec.encode_output("label", [each.label for each in answers])
        return InferenceResponse(model_name=self.name, outputs=[labels])

    def _answers(self, images: list[bytes]) -> list[skipwise.Prediction]:
        if len(images) == 1:
            return [self.predictor.predict(images[0])]
        return list(self.predictor.predict_many(images))


async def main(artifact: str, port: int) -> None:
    settings = mlserver.Settings(
        host="127.0.0.1", http_port=port, grpc_port=port + 1, metrics_port=port + 2, parallel_workers=0, debug=False
    )
    server = mlserver.MLServer(settings)
    model = mlserver.ModelSettings(
        name="served",
        implementation=Served,
        max_batch_size=BATCH,
        max_batch_time=WAIT,
        parameters=mlserver.settings.ModelParameters(uri=artifact),
    )
    await server.start([model])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
