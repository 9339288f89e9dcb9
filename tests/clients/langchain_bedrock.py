"""LangChain's Bedrock clients, unmodified: python langchain_bedrock.py URL MODEL."""

import os
import sys

os.environ |= {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}

from langchain_aws import ChatBedrock, ChatBedrockConverse
from langchain_core.tools import tool

URL, MODEL = sys.argv[1:]
there = dict(model=MODEL, endpoint_url=URL, region_name="us-east-1")
converse, invoke = ChatBedrockConverse(**there), ChatBedrock(**there, provider="anthropic")


@tool
def volumes(title: str) -> int:
    """How many volumes a title has."""
    return len(title)


whole = converse.invoke("What is your return policy?")
assert whole.content and whole.response_metadata["stopReason"] == "end_turn", whole
assert whole.usage_metadata["output_tokens"] > 0, whole
for client in [converse, invoke]:
    chunks = list(client.stream("Tell me about Monster"))
    assert len(chunks) > 3, chunks
    joined = sum(chunks[1:], chunks[0])
    assert joined.usage_metadata["output_tokens"] > 0, joined
assert converse.bind_tools([volumes]).invoke("How many volumes of Bleach are there?").content
assert invoke.invoke("What is your return policy?").content
