"""What the API is measured against: the usual programs, as files a benchmark writes and starts.

``FASTAPI`` is FastAPI with boto3 the way most examples have it: a synchronous
generator in a ``StreamingResponse``, Mangum around the application on Lambda.
``PLAIN`` is a handler of the managed runtime's interface client without a framework.
"""

from __future__ import annotations

FLOOR = """
import os
import socket

connection = socket.create_connection(os.environ["AWS_LAMBDA_RUNTIME_API"].split(":"))
while True:
    connection.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    data = connection.recv(65536)
    request_id = data.partition(b"Request-Id: ")[2].partition(b"\\r\\n")[0]
    body = b'{"body": "{\\\\"count\\\\": 4}"}'
    connection.sendall(
        b"POST /2018-06-01/runtime/invocation/" + request_id + b"/response HTTP/1.1\\r\\nHost: x\\r\\n"
        b"Content-Length: " + str(len(body)).encode() + b"\\r\\n\\r\\n" + body
    )
    connection.recv(65536)
"""
"""Answers without looking: what an interpreter, the Runtime API and the measuring cost at the least."""

PACKAGES = ("fastapi==0.139.2", "mangum==0.22.0", "awslambdaric==4.2.2", "uvicorn==0.54.0")
"""Installed into an environment of the benchmark's own, beside the project's boto3."""

FASTAPI = """
import json
import os

import boto3
from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.responses import StreamingResponse
from mangum import Mangum
from pydantic import BaseModel

app = FastAPI()
bedrock = boto3.client("bedrock-runtime", region_name="us-east-1")


class Capability(BaseModel):
    name: str
    description: str


class Agent(BaseModel):
    agent_id: str
    name: str
    description: str
    capabilities: list[Capability]


class Agents(BaseModel):
    agents: list[Agent]
    count: int


class Task(BaseModel):
    task: str
    agent_ids: list[str] | None = None


AGENTS = [
    Agent(agent_id=name, name=name.title(), description="An agent", capabilities=[
        Capability(name="answer", description="Answers questions")])
    for name in ("assistant", "guide", "analyst", "operations")
]


def key(x_api_key: str = Header(default="")) -> str:
    if x_api_key != os.environ["API_KEY"]:
        raise HTTPException(401, "Unauthorized")
    return x_api_key


@app.get("/api/v1/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.get("/api/v1/agents", dependencies=[Depends(key)])
async def agents() -> Agents:
    return Agents(agents=AGENTS, count=len(AGENTS))


@app.post("/api/v1/orchestrate", dependencies=[Depends(key)])
def orchestrate(body: Task) -> StreamingResponse:
    def generate():
        answer = bedrock.converse_stream(
            modelId=os.environ["MODEL_ID"], messages=[{"role": "user", "content": [{"text": body.task}]}]
        )
        for event in answer["stream"]:
            if "contentBlockDelta" in event:
                text = event["contentBlockDelta"]["delta"]["text"]
                yield "event: token\\ndata: " + json.dumps({"text": text}) + "\\n\\n"
        yield "event: end\\ndata: {}\\n\\n"

    return StreamingResponse(generate(), media_type="text/event-stream")


handler = Mangum(app, lifespan="off")
"""

PLAIN = """
import json
import os

import boto3

bedrock = boto3.client("bedrock-runtime", region_name="us-east-1")
AGENTS = [
    {"agent_id": name, "name": name.title(), "description": "An agent",
     "capabilities": [{"name": "answer", "description": "Answers questions"}]}
    for name in ("assistant", "guide", "analyst", "operations")
]


def handler(event, context):
    headers = {name.lower(): value for name, value in event["headers"].items()}
    if headers.get("x-api-key") != os.environ["API_KEY"]:
        return {"statusCode": 401, "body": "{}"}
    if event["path"] == "/api/v1/agents":
        body = {"agents": AGENTS, "count": len(AGENTS)}
        return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
    return {"statusCode": 404, "body": "{}"}
"""
