"""The sizes of answers and frames, in bytes."""

import json

from pydantic import BaseModel

MAX_ANSWER_BYTES = 200_000


def answer_bytes(model: BaseModel) -> int:
    """The size of a model in an HTTP answer.

    Lambda puts the answer into JSON a second time. Before Python 3.12, it escapes all but ASCII:
    https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/lambda_runtime_marshaller.py
    """
    return len(json.dumps(model.model_dump_json()))


def frame_bytes(model: BaseModel) -> int:
    """The size of a model in a frame."""
    return len(model.model_dump_json().encode())
